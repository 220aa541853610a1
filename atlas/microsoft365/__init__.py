"""The clients of Microsoft 365: sign-in, and one module for each service, over one way of sending a request."""
