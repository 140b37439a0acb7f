"""A competition to begin from: what each user does next, on a log of three columns."""
