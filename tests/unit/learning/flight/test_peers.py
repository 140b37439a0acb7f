"""The plain peers on a planted signal: what each learns, and what it must not depend on."""

from dataclasses import replace

import numpy as np
import pytest

from common.learning.dataset import ColumnsError, RankingDataset
from common.learning.metrics import reciprocal_ranks
from competitions.learning.flight import peers
from competitions.learning.flight.peers import PEERS, Peer


def draw(seed: int, queries: int = 80) -> RankingDataset:
    """Queries of 6 to 12 rows, booked the one of the largest first feature; the second is noise."""
    random = np.random.default_rng(seed)
    sizes = random.integers(6, 13, queries).astype(np.int32)
    features = random.random((int(sizes.sum()), 2)).astype(np.float32)
    top = np.repeat(np.maximum.reduceat(features[:, 0], np.cumsum(sizes) - sizes), sizes)
    return RankingDataset(("core_signal", "core_noise"), features, (features[:, 0] == top).astype(np.float32), sizes)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.title)
def test_a_peer_finds_the_booked_rows_of_new_queries_and_refuses_other_columns(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"UNTUNED_ROUNDS": 20, "YETI_ROUNDS": 20, "SOFTMAX_ROUNDS": 60, "SOFTMAX_SEEDS": 2}.items():
        monkeypatch.setattr(peers, name, value)
    train, valid = draw(1), draw(2)
    scores = peer.score(train, valid, 0)
    assert (scores.shape, scores.dtype) == (valid.labels.shape, np.float64)
    first = reciprocal_ranks(scores, valid.labels, valid.group_sizes, 1)
    assert first.mean() > 0.5  # by chance 0.12
    with pytest.raises(ColumnsError, match="the same in another order"):
        peer.score(train, replace(valid, names=valid.names[::-1]), 0)
