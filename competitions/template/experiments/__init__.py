"""The ladder and the search space."""
