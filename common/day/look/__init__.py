"""A look at raw files before any model: one offline page."""
