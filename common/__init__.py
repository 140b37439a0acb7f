"""What at least two competitions share; nothing here imports from ``competitions``."""
