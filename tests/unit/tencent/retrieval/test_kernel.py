"""The kernel over the history: by hand, and in whole numbers nearly the same."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from competitions.tencent.retrieval import kernel
from competitions.tencent.retrieval.kernel import Quantized, prepare_search, quantize, score_kernel

GENERATOR = torch.Generator().manual_seed(0)
QUERIES, EVENTS = 3, 5


def draw(vectors: int, dimensions: int) -> torch.Tensor:
    return functional.normalize(torch.randn(vectors, dimensions, generator=GENERATOR), dim=1)


HISTORY, CANDIDATES = draw(QUERIES * EVENTS, 32), draw(700, 32)
HISTORY[4] = 0.0  # padding
WEIGHTS = torch.rand(QUERIES, EVENTS, generator=GENERATOR).numpy()


def by_hand(beta: float) -> np.ndarray:
    cosine = (HISTORY @ CANDIDATES.T).numpy().astype(np.float64).reshape(QUERIES, EVENTS, -1)
    return np.asarray(np.log((WEIGHTS[:, :, None] * np.exp(beta * (cosine - 1))).sum(1) + 1e-12))


@pytest.mark.parametrize("beta", [4.0, 12.0, 30.0])
@pytest.mark.parametrize("cached", [QUERIES * EVENTS * 64, 2**19])
def test_the_kernel_is_that_of_the_formula_and_in_whole_numbers_nearly(
    beta: float, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "CACHED", cached)
    scores = score_kernel(HISTORY, WEIGHTS, CANDIDATES, beta)
    assert scores.dtype == torch.float32
    np.testing.assert_allclose(scores.numpy(), by_hand(beta), atol=1e-4)
    away = score_kernel(HISTORY, WEIGHTS, quantize(CANDIDATES), beta).numpy() - by_hand(beta)
    assert abs(away.mean()) < 0.01  # the line between powers of 2 alone would be .04 above
    assert away.std() < 0.03 * max(beta / 12, 0.5)
    assert np.abs(away).max() < 0.25 * max(beta / 12, 1)


def test_the_width_of_the_vectors_costs_no_digits() -> None:
    # A vector of many dimensions has small numbers only, one axis the largest there is.
    wide, axis = draw(50, 1024), torch.eye(1024)[:1]
    history, candidates = torch.cat([wide[:4], axis]), torch.cat([wide, axis])
    exact, whole = (score_kernel(history, WEIGHTS[:1], each) for each in (candidates, quantize(candidates)))
    assert (exact - whole).abs().max() < 0.5
    assert whole[0].topk(5).indices.sort().values.tolist() == [0, 1, 2, 3, 50]


def test_only_many_candidates_are_made_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prepare_search(CANDIDATES) is CANDIDATES
    monkeypatch.setattr(kernel, "MANY", 699)
    assert isinstance(prepare_search(CANDIDATES), Quantized)
    assert len(prepare_search(CANDIDATES)) == len(CANDIDATES)
