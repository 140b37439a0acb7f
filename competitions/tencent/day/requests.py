"""Requests: what a user did, as files and as the histories that the pipeline's functions take."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.day.serving.feature_tables import read_array, write_array
from competitions.tencent.corpus import Int8s, Int32s, Int64s, Sequences, Users
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold

REQUESTS = ("offsets", "item", "action", "time", "features", "condition")


@dataclass(frozen=True)
class Request:
    """A user's events, oldest first: rows of the catalogue, actions, seconds. ``condition``: the action that the
    recommended ads are to get. The network takes the user's features as well, which the ranker does not read.
    """

    item: Int32s
    action: Int8s
    time: Int64s
    features: Int32s
    condition: int


def write_requests(sequences: Sequences, users: Users, fold: Fold, chosen: Int64s, folder: Path) -> None:
    """Write the histories of the ``chosen`` queries of a fold; ``sequences`` and ``users`` are those of its queries."""
    histories = fold.queries(sequences).take(chosen)
    events = histories.events()
    offsets = np.concatenate([[0], np.cumsum(histories.lengths)])
    columns = [column[events] for column in (sequences.item, sequences.action, sequences.time)]
    arrays: list[Any] = [offsets, *columns, users.features[histories.users], fold.condition[chosen]]
    for name, array in zip(REQUESTS, arrays, strict=True):
        write_array(array, folder / f"{name}.npy")


def read_requests(path: Path) -> list[Request]:
    """The histories of a folder of requests, one by one."""
    offsets, item, action, time, features, condition = (read_array(path / f"{name}.npy") for name in REQUESTS)
    spans = [slice(int(start), int(end)) for start, end in itertools.pairwise(offsets)]
    return [
        Request(np.array(item[span]), np.array(action[span]), np.array(time[span]), np.array(own), int(next_action))
        for span, own, next_action in zip(spans, features, condition, strict=True)
    ]


def join_histories(requests: Sequence[Request]) -> Histories:
    """Some histories as the pipeline's."""
    offsets = np.concatenate([[0], np.cumsum([len(request.item) for request in requests])])
    sequences = Sequences(
        offsets=offsets,
        item=np.concatenate([request.item for request in requests]),
        action=np.concatenate([request.action for request in requests]),
        time=np.concatenate([request.time for request in requests]),
    )
    return Histories(sequences, np.arange(len(requests)), offsets[1:])
