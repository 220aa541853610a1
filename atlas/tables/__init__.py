"""Remembers: the rows of Azure Table Storage, their keys, and what is read by which key (docs/tables.md)."""
