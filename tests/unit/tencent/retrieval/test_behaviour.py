"""Vectors from the log: ads of one circle lie together, whatever their content; the rest has none."""

import numpy as np

from competitions.tencent.retrieval.behaviour import average_audience, fit, weigh_pairs
from competitions.tencent.retrieval.sparse_history import CLICK_WEIGHTS, flatten_log
from competitions.tencent.sequences import whole
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences

CIRCLES = [range(1 + 8 * circle, 9 + 8 * circle) for circle in range(6)]  # ads that the same people click


def test_ads_that_the_same_people_click_lie_together() -> None:
    rng = np.random.default_rng(0)
    log = make_sequences(
        *([(int(ad), 1, at) for at, ad in enumerate(rng.permutation(CIRCLES[user % 6])[:6])] for user in range(240))
    )
    vectors = fit(whole(log), make_catalogue(51)).vectors.astype(np.float32)
    near = vectors @ vectors.T
    inside, across = near[1:9, 1:9][~np.eye(8, dtype=bool)], near[1:9, 9:49]
    assert inside.min() > across.max()
    assert np.allclose(np.linalg.norm(vectors[1:49], axis=1), 1, atol=1e-2)
    assert not vectors[49:].any()


def test_pairs_count_by_distance_and_against_chance() -> None:
    log = flatten_log(
        whole(make_sequences(*[[(0, 1, 0), (1, 1, 1), (2, 1, 2)]] * 3, [(3, 1, 0), (4, 1, 1)])), CLICK_WEIGHTS
    )
    near = weigh_pairs(log, 5).toarray()
    # Sums of a row, plus 1: ads 0 and 2 3 (1 + 1/2) + 1, ad 1 3 (1 + 1) + 1, ads 3 and 4 1 + 1.
    total = np.array([5.5, 7.0, 5.5, 2.0, 2.0])
    assert np.isclose(near[0, 1], max(np.log(3 * total.sum() / (5.5 * 7)) - 1, 0))
    assert np.isclose(near[3, 4], np.log(total.sum() / 4) - 1)
    assert near[0, 3] == near[0, 0] == 0


def test_an_ad_has_the_mean_of_what_its_audience_clicked() -> None:
    vectors = np.array([[0, 0], [1, 0], [0, 1], [0, 0], [0, 0]], np.float32)
    log = flatten_log(whole(make_sequences([(1, 1, 0), (3, 1, 1)], [(1, 1, 0), (2, 1, 1), (3, 1, 2)])), CLICK_WEIGHTS)
    averaged = average_audience(log, vectors)
    half = 0.5**0.5
    expected = np.array([1 + half, half]) / np.hypot(1 + half, half)
    assert np.allclose(averaged[[1, 3]], expected)  # of both users; ad 3 had no vector itself
    assert np.allclose(averaged[2], [half, half])
    assert not averaged[4].any()
