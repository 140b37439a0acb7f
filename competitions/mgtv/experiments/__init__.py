"""The ladder of baselines and the search space."""
