"""Readers of the raw files."""
