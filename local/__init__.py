"""What stands in for the clouds on a developer's machine; nothing that is deployed imports it."""
