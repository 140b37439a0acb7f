"""Simulated raw files of any size, with the truth and an oracle."""
