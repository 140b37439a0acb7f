"""Tianchi news recommendation: predict the last article each test user clicks (MRR@5)."""
