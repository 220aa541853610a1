"""The activities of a scan: each decodes its request, calls a use case, and encodes the result."""
