"""Mgtv: the ladder, rankers and baselines that no default run reads, a public log."""
