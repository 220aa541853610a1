"""Reads and writes the rows of Azure Table Storage. docs/tables.md lists their keys, and what is read by which."""
