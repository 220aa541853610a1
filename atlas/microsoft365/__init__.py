"""Asks the tenant: sign-in, and one module for each of its services over one way of making a call."""
