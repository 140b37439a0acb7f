"""Small logs and catalogues for the tests of counts and regression, and settings that change nothing."""

import dataclasses
from typing import Any

import numpy as np

from competitions.tencent.corpus import Catalogue, Sequences
from competitions.tencent.retrieval.counts import CountSettings
from competitions.tencent.retrieval.sparse_history import ActionWeights
from competitions.tencent.sequences import Histories, whole

EVEN = ActionWeights(exposure=1.0, click=1.0, conversion=1.0, null=1.0)
PLAIN_COUNTS = CountSettings(
    reach=3,
    gap_decay=0.0,
    backward=0.0,
    source_power=0.0,
    target_power=0.0,
    concavity=1.0,
    top=100,
    history=0,
    fade=1.0,
    from_attributes=0.0,
    to_attributes=0.0,
    weights=EVEN,
)


def change(settings: Any, **values: object) -> Any:
    return dataclasses.replace(settings, **values)


def write_log(
    *users: list[int], action: list[list[int]] | None = None, days: list[list[int]] | None = None
) -> Histories:
    """One list of catalogue rows a user; all clicks, a day apart, unless told otherwise."""
    lengths = [len(user) for user in users]
    times = [list(range(length)) for length in lengths] if days is None else days
    actions = [[1] * length for length in lengths] if action is None else action
    return whole(
        Sequences(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate(users).astype(np.int32),
            np.concatenate(actions).astype(np.int8),
            np.concatenate(times).astype(np.int64) * 86_400,
        )
    )


def draw_log(users: int, items: int, seed: int) -> Histories:
    """Users of 1 to 12 events with items 1..items and any action; items repeat."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 13, users)
    drawn = [rng.integers(1, items + 1, length).tolist() for length in lengths]
    return write_log(*drawn, action=[rng.integers(-1, 3, length).tolist() for length in lengths])


def make_catalogue(items: int, features: dict[int, list[int]] | None = None) -> Catalogue:
    """Rows 0..items; ``features``: values 0..4 of all items (from row 1) by the number of the feature."""
    table = np.zeros((items + 1, 13), np.int32)
    sizes = [0] * 13
    for feature, values in (features or {}).items():
        table[1:, feature] = values
        sizes[feature] = 4
    return Catalogue(np.arange(items + 1, dtype=np.int64) + 100, table, items, tuple(sizes))
