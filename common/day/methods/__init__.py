"""Methods of the learning path: their families, the ladder that measures them, the card of one."""
