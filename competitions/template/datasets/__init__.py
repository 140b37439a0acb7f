"""Where the files come from."""
