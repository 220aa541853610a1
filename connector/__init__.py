"""The Power Automate custom connector, derived from the API's description."""
