"""One HTML page a run."""
