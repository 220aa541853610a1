"""The command line: one file per command, and what a terminal shows."""
