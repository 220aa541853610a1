"""The command line: one file per command, each with the screen it shows."""
