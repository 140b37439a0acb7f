"""Candidate retrieval: each channel lists (query, item, score), best first; fusion keeps the best of their union."""
