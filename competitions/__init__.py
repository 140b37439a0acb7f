"""One reproducible pipeline per competition, from the host's raw files to a submission file."""
