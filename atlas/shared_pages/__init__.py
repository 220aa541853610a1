"""Use cases for shared pages: list them, inspect each, find out who created it, and what callers read."""
