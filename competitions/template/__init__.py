"""A competition to begin from: the next item of each user, on a log of three columns."""
