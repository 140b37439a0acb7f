"""Features of every device and video, one module a grain."""
