"""The training loop: batches, optimizers, checkpoints."""
