"""Pickles that come from outside, read as plain data."""
