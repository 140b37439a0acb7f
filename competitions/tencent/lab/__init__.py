"""The ladder's rungs that the pipeline does not need: kept to be learned from."""
