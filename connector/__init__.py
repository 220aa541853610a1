"""The Power Automate custom connector, derived from the one description of the HTTP API."""
