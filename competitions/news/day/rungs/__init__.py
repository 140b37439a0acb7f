"""Public methods, each re-implemented in a page: what they score tells whether a simulated log is like the host's."""
