"""The network: encoder, item tower, loss, terms of the score, semantic IDs."""
