"""Retrieval of a few hundred ads by plain rules, and a small network that ranks them."""
