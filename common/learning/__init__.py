"""Data sets, features, metrics, rankers, blending and their diagnostics."""
