"""Data sets, features, metrics, rankers and their diagnostics."""
