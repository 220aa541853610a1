"""The one description of the HTTP API, from which ``/api/swagger.json`` and the connector are derived."""
