"""What requests may contain and what responses contain: the one description of the API, a file per resource."""
