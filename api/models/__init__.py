"""The models of requests and responses, one file per resource: the only description of the API."""
