"""What is known of ads and of pairs: popularity at a query's time, lifts, action rates; the columns for the ranker."""
