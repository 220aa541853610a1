"""Durable Functions in memory: the extension's side of the JSON protocol that the 1.x SDK speaks."""
