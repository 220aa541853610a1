"""What the command line asks and shows, one command a file; each answers an exit code."""
