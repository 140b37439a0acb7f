"""What runs leave: the record, the registry of runs, comparisons, ladders of baselines."""
