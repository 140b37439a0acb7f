"""The training loop: batches, optimizers, checkpoints, several processes."""
