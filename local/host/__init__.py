"""A small Azure Functions host, so that the whole app runs on a laptop and in CI without Azure."""
