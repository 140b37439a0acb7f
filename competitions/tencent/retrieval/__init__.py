"""Retrieval of a few hundred ads: channels, one a file, and the weights by which they are fused."""
