"""A finished run as a service: over HTTP, and what answers for a competition of lists."""
