"""The plain peers on a planted signal: what each learns, and what it must not depend on."""

from dataclasses import replace

import numpy as np
import pytest

from common.learning.dataset import ColumnsError, RankingDataset, gather
from competitions.flight.lab import peers
from competitions.flight.lab.peers import PEERS, Peer, Scores

BLOCKS = ("public", "core", "lift")
each_peer = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.title)


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"UNTUNED": 20, "SOFTMAX": 60, "PUBLIC": 20}.items():
        monkeypatch.setattr(peers, f"{name}_ROUNDS", value)
    monkeypatch.setattr(peers, "SOFTMAX_SEEDS", 2)


def draw(seed: int, queries: int = 80, missing: float = 0.0, unanswered: float = 0.0) -> RankingDataset:
    """Queries of 6 to 12 rows, booked the one of the largest first feature of each block; the second is noise.

    ``missing``: share of the values that are NaN, but where the booked row is told by. ``unanswered``: share of the
    queries without a booked row.
    """
    random = np.random.default_rng(seed)
    sizes = random.integers(6, 13, queries).astype(np.int32)
    rows, starts = int(sizes.sum()), np.cumsum(sizes) - sizes
    signal = random.random(rows)
    top = np.repeat(np.maximum.reduceat(signal, starts), sizes)
    answered = np.repeat(np.arange(queries) >= unanswered * queries, sizes)
    labels = ((signal == top) & answered).astype(np.float32)
    columns = [column for _ in BLOCKS for column in (signal, random.random(rows))]
    features = np.stack(columns, axis=1).astype(np.float32)
    hidden = (random.random(features.shape) < missing) & (labels == 0)[:, None]
    names = tuple(f"{block}_{kind}" for block in BLOCKS for kind in ("signal", "noise"))
    return RankingDataset(names, np.where(hidden, np.float32("nan"), features), labels, sizes)


def score(peer: Peer, train: RankingDataset, valid: RankingDataset, seed: int = 0) -> Scores:
    return peer.score(gather([train], peer.blocks), gather([valid], peer.blocks), seed)


def first_share(scores: Scores, rows: RankingDataset) -> float:
    """The share of the queries whose booked row is before all others, ties lost."""
    ends = np.cumsum(rows.group_sizes)[:-1]
    pairs = zip(np.split(scores, ends), np.split(rows.labels, ends), strict=True)
    return float(np.mean([own[booked == 1].min() > own[booked == 0].max() for own, booked in pairs]))


@each_peer
def test_a_peer_finds_the_booked_row_of_queries_that_it_has_not_seen(peer: Peer) -> None:
    valid = draw(2)
    scores = score(peer, draw(1), valid)
    assert (scores.shape, scores.dtype) == (valid.labels.shape, np.float64)
    assert np.isfinite(scores).all()
    assert first_share(scores, valid) > 0.5  # by chance 0.12


@each_peer
def test_rows_of_other_columns_are_refused(peer: Peer) -> None:
    train, valid = (gather([draw(seed, 5)], peer.blocks) for seed in (1, 2))
    with pytest.raises(ColumnsError, match="the same in another order"):
        peer.score(train, replace(valid, names=valid.names[::-1]), 0)
