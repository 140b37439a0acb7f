"""Batches of histories, in an order that (seed, epoch) alone decide, so that a killed training goes on where it was."""

import numpy as np
import torch

from competitions.tencent.corpus import Int32s, Int64s
from competitions.tencent.lab.model.encoder import Batch
from competitions.tencent.sequences import Histories, pad

NEAR = 16  # batches whose histories are sorted by length, so that little is filled up


def order_batches(histories: Histories, length: int, batch: int, seed: int, epoch: int) -> list[Int64s]:
    """The histories of each batch of an epoch: shuffled, those of about one length put together, then shuffled."""
    rng = np.random.default_rng([seed, epoch, 1])
    lengths = np.minimum(histories.lengths, length)
    shuffled = rng.permutation(np.flatnonzero(lengths > 0))
    groups = []
    for start in range(0, len(shuffled), NEAR * batch):
        near = shuffled[start : start + NEAR * batch]
        near = near[np.argsort(lengths[near], kind="stable")]
        groups += [near[at : at + batch] for at in range(0, len(near), batch)]
    return [groups[index] for index in rng.permutation(len(groups))]


def make_batch(histories: Histories, features: Int32s, length: int, condition: int | Int64s, query_time: int) -> Batch:
    """Tensors of some histories. The next action of the last token of each is ``condition``, at ``query_time``; that
    of the others is what followed.

    ``features``: of all users of the sequences.
    """
    padded = pad(histories, length)
    count, width = padded.item.shape
    rows, last = np.arange(count), padded.mask.sum(1)
    next_action, times = np.zeros((count, width + 1), np.int64), np.zeros((count, width + 1), np.int64)
    next_action[:, :-1], times[:, :-1] = padded.action, padded.time
    next_action[rows, last], times[rows, last] = condition, query_time
    return Batch(
        item=torch.from_numpy(padded.item),
        action=torch.from_numpy(padded.action),
        time=torch.from_numpy(padded.time),
        mask=torch.from_numpy(padded.mask),
        next_action=torch.from_numpy(next_action),
        query_time=torch.from_numpy(times),
        users=torch.from_numpy(features[padded.users].astype(np.int64)),
    )
