"""Methods kept to be learned from; the ladder and the benches read them, no run does."""
