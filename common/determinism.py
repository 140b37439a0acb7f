"""PyTorch on a CPU such that the same seed gives the same numbers, to the last bit."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def deterministic_torch(seed: int, threads: int) -> Iterator[None]:
    """Draws from ``seed`` and sums over so many threads, whatever was set outside, which comes back."""
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        # Or two threads that add to one gradient do so in the order in which they come.
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(before)
            torch.use_deterministic_algorithms(strict)
