"""The sequence model: towers of ads and of histories, their loss and their training."""
