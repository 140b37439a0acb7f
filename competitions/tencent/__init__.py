"""Tencent Advertising Algorithm Competition 2025: the ten ads that a user is most likely to interact with next."""
