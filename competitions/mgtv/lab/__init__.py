"""What a default run never reads: rankers and baselines that the ladder climbs, kept to be learned from."""
