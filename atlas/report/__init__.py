"""Shows: the shapes of the HTTP API, totals, tables for the terminal."""
