"""What is known of ads and of pairs: the forecast, lifts, action rates; the columns that the ranker is given."""
