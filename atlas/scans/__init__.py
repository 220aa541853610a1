"""A scan of the tenant: its messages and progress, start and stop, the census, probing, and closing."""
