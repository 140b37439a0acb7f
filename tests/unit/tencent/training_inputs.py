"""Tiny logs, catalogues, folds and settings for the tests of the Tencent pipeline."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common.engine import config as configuration
from common.time_units import DAY_S
from competitions import tencent
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Catalogue, CatalogueRows, Corpus, Int64s, Names, Sequences
from competitions.tencent.io import schema
from competitions.tencent.plan import check_names
from competitions.tencent.sequences import Histories, whole
from competitions.tencent.split import Fold, build_fold


def load_settings(*overrides: str) -> TencentConfig:
    """config.toml alone, without the declaration, which imports the report and the simulator."""
    return configuration.load(TencentConfig, [Path(tencent.__file__).parent / "config.toml"], overrides, check_names)


CONFIG = load_settings("sequence.seeds=1")  # as the plan decides on a large log


def make_sequences(*histories: list[tuple[int, int, int]]) -> Sequences:
    """Users with events (item, action, time)."""
    events = [event for history in histories for event in history]
    columns = np.array(events, np.int64).reshape(-1, 3)
    offsets = np.concatenate([[0], np.cumsum([len(history) for history in histories])])
    return Sequences(
        offsets, columns[:, 0].astype(np.int32), columns[:, 1].astype(np.int8), columns[:, 2].astype(np.int64)
    )


def write_log(
    *users: list[int], action: list[list[int]] | None = None, days: list[list[int]] | None = None
) -> Histories:
    """One list of catalogue rows a user; all clicks, a day apart, unless it says otherwise."""
    actions = action or [[1] * len(user) for user in users]
    times = days or [[*range(len(user))] for user in users]
    events = ([*zip(*user, strict=True)] for user in zip(users, actions, times, strict=True))
    log = make_sequences(*events)
    log.time[:] *= DAY_S
    return whole(log)


def draw_log(users: int, items: int, seed: int) -> Histories:
    """Users of 1 to 12 events with items 1..items and any action; items repeat."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 13, users)
    drawn = [rng.integers(1, items + 1, length).tolist() for length in lengths]
    return write_log(*drawn, action=[rng.integers(-1, 3, length).tolist() for length in lengths])


def make_catalogue(
    items: int, unseen: int = 0, seed: int = 0, columns: Mapping[int, list[int]] | None = None
) -> Catalogue:
    """Items with random features; the last ``unseen`` are not in the indexer. ``columns``: the values of all items,
    1 to 4, by the number of the feature; the other features then have none.
    """
    rng, fields = np.random.default_rng(seed), len(schema.ITEM_FEATURES)
    rows = items + unseen + 1
    features = rng.integers(0, 4, (rows, fields)).astype(np.int32)
    oid = np.concatenate([[0], 20_000_000_000 + rng.permutation(rows - 1)])
    if columns is not None:
        features = np.stack([[0, *columns.get(at, [0] * items)] for at in range(fields)], 1).astype(np.int32)
    features[0] = 0
    sizes = (3,) * fields if columns is None else tuple(4 * (at in columns) for at in range(fields))
    return Catalogue(oid, features, items, sizes)


def name_users(count: int) -> Names:
    return np.array([f"user_{number:08d}" for number in range(count)], "S13")


def make_corpus(log: Sequences, ads: int, test: Sequences | None = None, catalogue: Catalogue | None = None) -> Corpus:
    """Ads with random features, unless a ``catalogue`` is given, all of them candidates; the queries are the users of
    ``test``, else those of the ``log``.
    """
    users, candidates = name_users(len(log)), CatalogueRows(np.arange(1, ads + 1))
    queries, asked = (log, users) if test is None else (test, name_users(len(test)))
    return Corpus(catalogue or make_catalogue(ads), log, users, queries, asked, candidates, None, ())


def hide_from(log: Sequences, ends: Int64s, candidates: CatalogueRows) -> Fold:
    """Every user with an event at ``ends`` [users] is asked for it; what stands there and behind it is hidden."""
    users = np.flatnonzero(ends < log.offsets[1:])
    return build_fold(log, ends, users, candidates)
