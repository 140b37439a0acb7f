"""MGTV (Malanshan Cup 2025): which of the videos shown will be watched, and how much of it."""
