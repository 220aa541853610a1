"""Measures how fast and how thrifty the product is, as ratios of one run, because machines are noisy."""
