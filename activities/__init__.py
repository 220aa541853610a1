"""The activities of a scan: each decodes its order, calls the product, and encodes the answer."""
