"""Shares of a history: looked up by value, as comparing every event with every candidate has them."""

import numpy as np
import pytest
import torch

from competitions.tencent.ranking.pair_features import DIRECT_CODES, share_values


@pytest.mark.parametrize("step", [1, DIRECT_CODES])  # few codes, and many
def test_shares_are_those_of_comparing_every_pair(step: int) -> None:
    rng = np.random.default_rng(0)
    before, own = step * rng.integers(0, 40, (5, 30)), step * rng.integers(0, 50, (5, 12))
    weights = torch.from_numpy(rng.random((5, 3, 30)).astype(np.float32))
    same = (before[:, :, None] == own[:, None, :]) & (own > 0)[:, None, :]
    expected = np.einsum("qke,qec->qkc", weights.numpy(), same.astype(np.float32))
    shares = share_values(weights, before, own)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares, expected, rtol=1e-5, atol=1e-6)
    assert (expected > 0).any()


@pytest.mark.parametrize("step", [1, DIRECT_CODES])
def test_a_missing_value_shares_nothing_and_queries_do_not_mix(step: int) -> None:
    weights = torch.ones(2, 1, 2)
    before, own = step * np.array([[0, 7], [3, 3]]), step * np.array([[0, 7, 3], [0, 7, 3]])
    assert share_values(weights, before, own).tolist() == [[[0.0, 1.0, 0.0]], [[0.0, 0.0, 2.0]]]
