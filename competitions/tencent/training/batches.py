"""Batches of histories, in an order that (seed, epoch) alone decide, so that a killed training goes on where it was."""

from collections.abc import Iterator

import numpy as np
import torch

from competitions.tencent.corpus import Int32s, Int64s
from competitions.tencent.model.encoder import Batch
from competitions.tencent.sequences import Histories, pad

NEAR = 16  # batches whose histories are sorted by length, so that little is filled up


def order(histories: Histories, length: int, batch: int, seed: int, epoch: int) -> list[Int64s]:
    """The histories of each batch of an epoch: shuffled, those of about one length put together, then shuffled."""
    rng = np.random.default_rng([seed, epoch, 1])
    lengths = np.minimum(histories.lengths, length)
    shuffled = rng.permutation(np.flatnonzero(lengths > 0))
    groups = []
    for start in range(0, len(shuffled), NEAR * batch):
        near = shuffled[start : start + NEAR * batch]
        near = near[np.argsort(lengths[near], kind="stable")]
        groups += [near[at : at + batch] for at in range(0, len(near), batch)]
    return [groups[place] for place in rng.permutation(len(groups))]


def to_batch(histories: Histories, features: Int32s, length: int, condition: int | Int64s, reference: int) -> Batch:
    """Tensors of some histories; the last token of each is followed by ``condition`` at the time ``reference``, the
    others by what followed.

    ``features``: of all users of the sequences.
    """
    padded = pad(histories, length)
    count, width = padded.item.shape
    rows, last = np.arange(count), padded.there.sum(1)
    following, when = np.zeros((count, width + 1), np.int64), np.zeros((count, width + 1), np.int64)
    following[:, :-1], when[:, :-1] = padded.action, padded.time
    following[rows, last], when[rows, last] = condition, reference
    return Batch(
        torch.from_numpy(padded.item),
        torch.from_numpy(padded.action),
        torch.from_numpy(padded.time),
        torch.from_numpy(padded.there),
        torch.from_numpy(following),
        torch.from_numpy(when),
        torch.from_numpy(features[padded.users].astype(np.int64)),
    )


def deal(batches: list[Int64s], start: int, rank: int, ranks: int) -> Iterator[tuple[int, Int64s, Int64s]]:
    """From batch ``start`` on: its number, all its histories, and those of this process."""
    for number in range(start, len(batches)):
        yield number, batches[number], batches[number][rank::ranks]
