"""A scan of the tenant: messages and progress (pure), start and stop, census, probing, and closing."""
