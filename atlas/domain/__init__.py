"""The rules: pure functions over frozen values, without clock, network or storage."""
