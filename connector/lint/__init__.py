"""Rules of connector certification and of the designer that no schema holds, each a small function in one table.

``python -m connector.lint`` tells what breaks them. Where a rule comes from: Microsoft's string guidance, coding
standards, certification and validator rules for connectors, and the notes of its public repository.
"""
