"""Embeddings as they come; what a user clicked, and what is seen now; the kernel by hand, and in whole numbers."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.retrieval import content
from competitions.tencent.retrieval.content import (
    Content,
    of_embedding,
    prepare_content,
    quantize,
    score_kernel,
)
from competitions.tencent.sequences import whole
from tests.unit.tencent.tencent_folds import make_queries
from tests.unit.tencent.training_inputs import make_sequences


def test_vectors_are_centred_and_of_length_one_and_what_is_missing_stays_missing() -> None:
    vectors = np.array([[0, 0], [13, 14], [13, 6], [7, 10]], np.float16)
    prepared = prepare_content("81", vectors).vectors
    assert np.allclose(prepared[1:], [[0.4472, 0.8944], [0.4472, -0.8944], [-1, 0]], atol=1e-3)
    assert not prepared[0].any()
    assert not prepare_content("85", np.zeros((3, 200), np.float16)).vectors.any()


def test_clicks_speak_for_what_is_like_them_and_now_what_was_shown_in_these_hours() -> None:
    """Ad 1 was clicked, and 30 hours later, five half-lives, ad 2 is shown; ads 3 and 4 are like these."""
    own = Content("81", np.array([[0, 0], [1, 0], [0, 1], [1, 0], [0, 1]], np.float16))
    block = make_queries(whole(make_sequences([(1, 1, 0), (2, 0, 30 * 3_600)])))
    scores = own.prepare(CatalogueRows(np.array([3, 4])), 12.0)(block)
    assert [*scores] == [*of_embedding("81").parts] == ["81", "81 now"]
    far = np.exp(-12.0)
    assert scores["81"][0] == pytest.approx(np.log([54 + far, 54 * far + 1]), abs=0.05)
    assert scores["81 now"][0] == pytest.approx(np.log([3 / 32 + far, 3 / 32 * far + 1]), abs=0.05)


# --- the kernel ---

GENERATOR = torch.Generator().manual_seed(0)
QUERIES, EVENTS = 3, 5


def draw(vectors: int, dimensions: int) -> torch.Tensor:
    return functional.normalize(torch.randn(vectors, dimensions, generator=GENERATOR), dim=1)


HISTORY, CANDIDATES = draw(QUERIES * EVENTS, 32), draw(700, 32)
HISTORY[4] = 0.0  # padding
WEIGHTS = torch.rand(QUERIES, EVENTS, generator=GENERATOR).numpy()


def by_hand(history: torch.Tensor, weights: np.ndarray, candidates: torch.Tensor, beta: float = 12.0) -> np.ndarray:
    cosine = (history @ candidates.T).numpy().astype(np.float64).reshape(*weights.shape, -1)
    return np.asarray(np.log((weights[:, :, None] * np.exp(beta * (cosine - 1))).sum(1) + 1e-12))


def score(history: torch.Tensor, weights: np.ndarray, candidates: torch.Tensor, beta: float = 12.0) -> np.ndarray:
    return score_kernel(history, weights, quantize(candidates), beta).numpy()


@pytest.mark.parametrize("beta", [4.0, 12.0, 30.0])
@pytest.mark.parametrize("cached", [QUERIES * EVENTS * 64, 2**19])
def test_the_kernel_is_nearly_that_of_the_formula(beta: float, cached: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "CACHED", cached)
    scores = score(HISTORY, WEIGHTS, CANDIDATES, beta)
    assert scores.dtype == np.float32
    away = scores - by_hand(HISTORY, WEIGHTS, CANDIDATES, beta)
    assert abs(away.mean()) < 0.01  # the line between powers of 2 alone would be .04 above
    assert away.std() < 0.03 * max(beta / 12, 0.5)
    assert np.abs(away).max() < 0.25 * max(beta / 12, 1)


@pytest.mark.parametrize("light", [0.0, 1e-7, 1e-30])
def test_an_event_that_weighs_next_to_nothing_adds_as_little(light: float) -> None:
    weights = WEIGHTS.copy()
    weights[0, 1:], weights[1] = light, light
    away = score(HISTORY, weights, CANDIDATES) - by_hand(HISTORY, weights, CANDIDATES)
    assert np.abs(away).max() < 0.25


def test_the_width_of_the_vectors_costs_no_digits() -> None:
    # A vector of many dimensions has small numbers only, one axis the largest there is.
    wide, axis = draw(50, 1024), torch.eye(1024)[:1]
    history, candidates = torch.cat([wide[:4], axis]), torch.cat([wide, axis])
    scores = score(history, WEIGHTS[:1], candidates)
    assert np.abs(scores - by_hand(history, WEIGHTS[:1], candidates)).max() < 0.5
    assert sorted(np.argsort(-scores[0])[:5].tolist()) == [0, 1, 2, 3, 50]
