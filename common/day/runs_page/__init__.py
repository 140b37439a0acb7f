"""One offline page of all runs: scores by date, what each change brought."""
