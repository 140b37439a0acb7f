"""Models beside the rankers: GRU4Rec and matrix factorisation."""
