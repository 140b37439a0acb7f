"""Tencent: the ladder, rungs that the pipeline does not need, public sequences."""
