"""Where raw files come from: the host, a simulator, a public data set."""
