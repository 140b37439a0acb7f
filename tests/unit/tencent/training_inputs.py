"""Tiny sequences, settings and training inputs for the tests of the Tencent pipeline."""

from pathlib import Path

import numpy as np

from common.engine import config as configuration
from competitions import tencent
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Catalogue, CatalogueRows, Corpus, Names, Sequences
from competitions.tencent.io import schema
from competitions.tencent.plan import check_names


def load_settings(*overrides: str) -> TencentConfig:
    """config.toml alone, without the declaration, which imports the report and the simulator."""
    return configuration.load(TencentConfig, [Path(tencent.__file__).parent / "config.toml"], overrides, check_names)


CONFIG = load_settings()


def make_sequences(*histories: list[tuple[int, int, int]]) -> Sequences:
    """Users with events (item, action, time)."""
    events = [event for history in histories for event in history]
    columns = np.array(events, np.int64).reshape(-1, 3)
    offsets = np.concatenate([[0], np.cumsum([len(history) for history in histories])])
    return Sequences(
        offsets, columns[:, 0].astype(np.int32), columns[:, 1].astype(np.int8), columns[:, 2].astype(np.int64)
    )


def make_catalogue(items: int, unseen: int = 0, seed: int = 0) -> Catalogue:
    """Items with random features; the last ``unseen`` are not in the indexer."""
    rng = np.random.default_rng(seed)
    rows = items + unseen + 1
    features = rng.integers(0, 4, (rows, len(schema.ITEM_FEATURES))).astype(np.int32)
    features[0] = 0
    oid = np.concatenate([[0], 20_000_000_000 + rng.permutation(rows - 1)])
    return Catalogue(oid, features, items, (3,) * len(schema.ITEM_FEATURES))


def name_users(count: int) -> Names:
    return np.array([f"user_{number:08d}" for number in range(count)], "S13")


def make_corpus(log: Sequences, ads: int, test: Sequences | None = None, catalogue: Catalogue | None = None) -> Corpus:
    """Ads with random features, unless a ``catalogue`` is given, all of them candidates; the queries are the users of
    ``test``, else those of the ``log``.
    """
    users, candidates = name_users(len(log)), CatalogueRows(np.arange(1, ads + 1))
    queries, asked = (log, users) if test is None else (test, name_users(len(test)))
    return Corpus(catalogue or make_catalogue(ads), log, users, queries, asked, candidates, None, ())
