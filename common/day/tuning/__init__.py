"""Optuna studies of rankers: search spaces, workers, when a gain is taken."""
