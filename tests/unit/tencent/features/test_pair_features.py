"""Features of pairs, as comparing every event with every candidate has them."""

import numpy as np
import pytest
import torch

from competitions.tencent.features import pair_features
from competitions.tencent.features.pair_features import DIRECT_CODES, WIDTH_FACTORS, share_values
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.histories import KINDS, WeightedHistories
from competitions.tencent.retrieval.search import Candidates


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


@pytest.mark.parametrize("held", [1, 2, 8])
def test_content_columns_are_those_of_all_cosines(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_features, "CACHED", held)
    rng = np.random.default_rng(0)
    content = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(30, 6)).astype(np.float32)), dim=1)
    mask = np.arange(7) < np.array([7, 4, 5, 2, 0])[:, None]
    clicked = mask & (rng.random((5, 7)) < 0.5)
    clicked[3] = False
    item = np.where(mask, rng.integers(1, 30, (5, 7)), 0)
    weights = (rng.random((5, 3, 7)) * mask[:, None]).astype(np.float32)
    last = np.where(clicked.any(1), 6 - clicked[:, ::-1].argmax(1), -1)
    past = WeightedHistories(item, mask, clicked, torch.from_numpy(weights), item[:, 0], last)
    ads = rng.integers(1, 30, (5, 9))
    nothing = np.zeros(5, np.int64)
    candidates = Candidates(past, nothing, CandidateIndices(ads), CatalogueRows(ads), np.zeros((5, 9), np.float32), {})
    columns = pair_features.compare_content(Content("81", content.numpy()), 9.0, candidates)

    for query in range(5):
        cosine = (content[item[query]] @ content[ads[query]].T).numpy()
        for factor in WIDTH_FACTORS:
            near = np.log(weights[query] @ np.exp(9.0 * factor * (cosine - 1)) + 1e-6)
            for at, kind in enumerate(KINDS):
                np.testing.assert_allclose(columns[f"kernel {factor:.3g} {kind}"][query], near[at], atol=1e-4)
        for name, events in (("a click", clicked[query]), ("an event", mask[query])):
            largest = cosine[events].max(0, initial=-1.0)
            np.testing.assert_allclose(columns[f"cosine to {name}"][query], largest, atol=1e-6)
        of_last = cosine[last[query]] if last[query] >= 0 else np.zeros(9)
        np.testing.assert_allclose(columns["cosine to the last click"][query], of_last, atol=1e-6)
