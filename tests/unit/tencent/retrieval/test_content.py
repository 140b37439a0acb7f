"""Embeddings as they come: far from the origin, with ads that have none."""

import numpy as np

from competitions.tencent.corpus import Embedding
from competitions.tencent.retrieval.content import prepare_content


def test_vectors_are_centred_and_of_length_one_and_what_is_missing_stays_missing() -> None:
    vectors = np.array([[0, 0], [13, 14], [13, 6], [7, 10]], np.float16)
    content = prepare_content(Embedding("81", vectors))
    assert np.allclose(content.vectors[1:], [[0.4472, 0.8944], [0.4472, -0.8944], [-1, 0]], atol=1e-3)
    assert not content.vectors[0].any()


def test_strangers_whose_vectors_share_a_large_mean_are_strangers_again() -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 40)) + 8
    length = np.linalg.norm(vectors, axis=1)
    assert (vectors @ vectors.T / np.outer(length, length))[0, 1:].mean() > 0.9
    near = prepare_content(Embedding("82", vectors.astype(np.float16))).vectors.astype(np.float32)
    assert abs((near @ near.T)[0, 1:].mean()) < 0.05
    assert near.shape == (500, 40)


def test_an_embedding_of_nobody_is_zero() -> None:
    assert not prepare_content(Embedding("85", np.zeros((3, 200), np.float16))).vectors.any()
