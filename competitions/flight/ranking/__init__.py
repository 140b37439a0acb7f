"""Training rows, rankers, blend and rerank."""
