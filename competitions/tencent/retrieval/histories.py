"""The events of a block of queries as padded arrays, with the weights that recent events and clicks have."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from common.arrays import Singles
from common.time_units import HOUR_S
from competitions.tencent.corpus import Bools, Int64s
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories, pad

RECENT, LASTING = 0.9, 0.97  # what an event counts for each event behind it
CLICKED = 60.0  # a click, in events that were shown only
HALF_LIFE_H, CLICKED_NOW = 6.0, 3.0  # of what is seen now: the hours by which it counts a half, and a click's weight
NOW = 8  # events


@dataclass(frozen=True)
class WeightedHistories:
    """The last events of queries: ``item`` int64 [queries, events], rows of the catalogue, 0 for none.

    ``time`` int64 [queries, events], seconds; ``recency`` int64: 0 for the last event, 1 for the one before it.
    ``weights`` float32 [queries, kinds, events] of ``KINDS``; ``last_click`` int64 [queries]: the row of the ad
    clicked last, 0 for none; ``last_position`` its index among the events, -1 for none.
    """

    item: Int64s
    mask: Bools
    clicked: Bools
    time: Int64s
    recency: Int64s
    weights: Tensor
    last_click: Int64s
    last_position: Int64s


KINDS = ("recent", "clicked", "shown", "now")


def weigh_events(queries: Histories, events: int) -> WeightedHistories:
    """The last ``events`` events of each query."""
    padded = pad(queries, events)
    mask, clicked = padded.mask, (padded.action >= schema.CLICK) & padded.mask
    width = mask.shape[1]
    back = np.maximum(mask.sum(1)[:, None] - 1 - np.arange(width), 0)
    recent = RECENT**back * np.where(clicked, CLICKED, 1.0) * mask
    lasting = LASTING**back
    last = np.take_along_axis(padded.time, np.maximum(mask.sum(1) - 1, 0)[:, None], 1)
    fresh = np.exp2(-np.maximum(last - padded.time, 0) / (HOUR_S * HALF_LIFE_H))
    now = fresh * np.where(clicked, CLICKED_NOW, 1.0) * mask
    weights = np.stack([recent, lasting * clicked, lasting * (mask & ~clicked), now], 1).astype(np.float32)
    position = np.where(clicked.any(1), width - 1 - clicked[:, ::-1].argmax(1), -1)
    last_click = np.where(position >= 0, padded.item[np.arange(len(position)), np.maximum(position, 0)], 0)
    kinds = torch.from_numpy(weights)
    return WeightedHistories(padded.item, mask, clicked, padded.time, back, kinds, last_click, position)


def heaviest_events(history: WeightedHistories, events: int, kind: str = "recent") -> tuple[Int64s, Singles]:
    """The events that weigh most by a ``kind``: their rows and weights, [queries, at most ``events``]."""
    weights = history.weights[:, KINDS.index(kind)].numpy()
    if weights.shape[1] <= events:
        return history.item, weights
    chosen = np.argpartition(-weights, events - 1, 1)[:, :events]
    return np.take_along_axis(history.item, chosen, 1), np.take_along_axis(weights, chosen, 1)
