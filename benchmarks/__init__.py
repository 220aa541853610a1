"""What the product contract, section 8, promises to measure: as ratios of one run, because machines are noisy."""
