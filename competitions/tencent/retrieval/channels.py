"""The names of what candidates are retrieved by."""

# Channels; content is one an embedding.
CONTENT, VECTORS, COUNTS, VALUES, LINEAR = "content", "behaviour", "counts", "values", "linear"
FORECAST, CLICK_RATE = "forecast", "clicks lately"  # of every ad, which count whatever the channels
FEATURE_COUNTS, PLAIN_COUNTS, LAST_COUNTS = "counts with features", "counts of the ads", "counts of the last ad"
LIFTED_COUNTS = "lift of the ads"
