"""News: the ladder, public methods with a mark on the host's log, models that lost on it, a public log."""
