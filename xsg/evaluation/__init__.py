"""Is it real? Splits, metrics, nulls and baselines."""
