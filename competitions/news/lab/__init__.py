"""What a default run never reads: public methods with a mark on the host's log, and models that lost on it."""
