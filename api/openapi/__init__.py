"""The models as OpenAPI 2.0, for ``/api/swagger.json`` and the connector."""
