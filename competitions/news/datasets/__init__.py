"""Where the host's and public files come from."""
