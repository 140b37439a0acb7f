"""Embeddings as they come: far from the origin, with ads that have none; what a user clicked, and what is seen now."""

import numpy as np
import pytest

from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.retrieval.content import Content, of_embedding, prepare_content
from competitions.tencent.sequences import whole
from tests.unit.tencent.tencent_folds import make_block
from tests.unit.tencent.training_inputs import make_sequences


def test_vectors_are_centred_and_of_length_one_and_what_is_missing_stays_missing() -> None:
    vectors = np.array([[0, 0], [13, 14], [13, 6], [7, 10]], np.float16)
    content = prepare_content("81", vectors)
    assert np.allclose(content.vectors[1:], [[0.4472, 0.8944], [0.4472, -0.8944], [-1, 0]], atol=1e-3)
    assert not content.vectors[0].any()


def test_strangers_whose_vectors_share_a_large_mean_are_strangers_again() -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 40)) + 8
    length = np.linalg.norm(vectors, axis=1)
    assert (vectors @ vectors.T / np.outer(length, length))[0, 1:].mean() > 0.9
    near = prepare_content("82", vectors.astype(np.float16)).vectors.astype(np.float32)
    assert abs((near @ near.T)[0, 1:].mean()) < 0.05
    assert near.shape == (500, 40)


def test_an_embedding_of_nobody_is_zero() -> None:
    assert not prepare_content("85", np.zeros((3, 200), np.float16)).vectors.any()


def test_clicks_speak_for_what_is_like_them_and_now_what_was_shown_in_these_hours() -> None:
    """Ad 1 was clicked, and 30 hours later, five half-lives, ad 2 is shown; ads 3 and 4 are like these."""
    content = Content("81", np.array([[0, 0], [1, 0], [0, 1], [1, 0], [0, 1]], np.float16))
    block = make_block(whole(make_sequences([(1, 1, 0), (2, 0, 30 * 3_600)])))
    scores = content.prepare(CatalogueRows(np.array([3, 4])), 12.0)(block)
    assert [*scores] == [*of_embedding("81").parts] == ["81", "81 now"]
    far = np.exp(-12.0)
    assert scores["81"][0] == pytest.approx(np.log([54 + far, 54 * far + 1]), abs=1e-5)
    assert scores["81 now"][0] == pytest.approx(np.log([3 / 32 + far, 3 / 32 * far + 1]), abs=1e-5)
