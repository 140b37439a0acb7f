"""The weights of channels: what carries the answers gets the vote."""

import numpy as np
import polars as pl
import pytest

from common.retrieval.fusion import gather_votes, learn_weights
from tests.unit.news.news_world import PAIRS, SCORED, frame

QUERIES, ITEMS, LISTED = 400, 60, 12


def make_channel(seed: int, share: float, answers: np.ndarray) -> pl.DataFrame:
    """Lists of random items; of a ``share`` of the queries the answer stands first."""
    rng = np.random.default_rng(seed)
    rows = []
    for query, answer in enumerate(answers):
        items = [int(item) for item in rng.permutation(ITEMS)[:LISTED] if item != answer]
        items = [int(answer), *items] if rng.random() < share else items
        rows += [(query, item, float(LISTED - place)) for place, item in enumerate(items)]
    return frame(rows, SCORED)


@pytest.fixture(scope="module")
def answers() -> pl.DataFrame:
    right = np.random.default_rng(0).integers(0, ITEMS, QUERIES)
    return frame(enumerate(right.tolist()), PAIRS)


@pytest.fixture(scope="module")
def channels(answers: pl.DataFrame) -> dict[str, pl.DataFrame]:
    right = answers["item"].to_numpy()
    return {name: make_channel(seed, share, right) for seed, (name, share) in enumerate(SHARES.items(), 1)}


SHARES = {"noise": 0.0, "good": 0.6, "fair": 0.3, "worse": 0.0}


def test_channels_weigh_by_what_they_know(channels: dict[str, pl.DataFrame], answers: pl.DataFrame) -> None:
    weights = learn_weights(channels, answers, seed=0)
    assert list(weights) == list(channels)
    assert weights["good"] > 1.2 * weights["fair"] > 0
    assert weights["noise"] < 0.2 * weights["fair"]
    assert min(weights.values()) >= 0
    assert np.mean(list(weights.values())) == pytest.approx(1)


def test_votes_are_reciprocal_ranks_of_whole_unions() -> None:
    lists = {
        "a": frame([(0, 7, 2.0), (0, 3, 1.0), (1, 5, 1.0)], SCORED),
        "b": frame([(0, 3, 9.0), (2, 8, 1.0)], SCORED),
    }
    right = frame([(0, 3), (1, 6), (2, 8)], PAIRS)
    votes, labels, sizes = gather_votes(lists, right, seed=0)
    # Query 1 is left out: no channel names its answer.
    assert votes.tolist() == [[np.float32(21 / 22), 1.0], [1.0, 0.0], [0.0, 1.0]]
    assert labels.tolist() == [1, 0, 1]
    assert sizes.tolist() == [2, 1]


def test_without_an_answer_every_channel_counts_alike(channels: dict[str, pl.DataFrame]) -> None:
    nowhere = frame([(0, 999)], PAIRS)
    assert learn_weights(channels, nowhere, seed=0) == dict.fromkeys(channels, 1.0)
    assert learn_weights(channels, nowhere.clear(), seed=0) == dict.fromkeys(channels, 1.0)
