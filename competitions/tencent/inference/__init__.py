"""Encoding queries, retrieval of the top ten, beam search over semantic IDs."""
