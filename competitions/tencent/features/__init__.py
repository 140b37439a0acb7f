"""What is counted and fitted on histories alone: statistics of ads, counts, regression, vectors, the forecast."""
