"""Training rows, rankers, blend."""
