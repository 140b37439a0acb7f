"""Features that any contest could use: of arrays and frames, each with an example that runs."""
