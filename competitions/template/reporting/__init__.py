"""What a run records and shows."""
