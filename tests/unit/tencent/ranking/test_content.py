"""Embeddings as they come: far from the origin, wide, with ads that have none."""

import numpy as np

from competitions.tencent.corpus import Embedding
from competitions.tencent.ranking.content import WIDEST, find_directions, prepare_content


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


def test_a_wide_embedding_keeps_what_tells_ads_apart() -> None:
    rng = np.random.default_rng(1)
    topics = rng.normal(size=(6, 600))
    topic = rng.integers(6, size=900)
    vectors = 50 * rng.normal(size=600) + 3 * topics[topic] + 0.3 * rng.normal(size=(900, 600))
    content = prepare_content(Embedding("84", vectors.astype(np.float16)))
    assert content.vectors.shape == (900, WIDEST)
    near = content.vectors.astype(np.float32)
    cosine = near @ near.T - 2 * np.eye(900)
    assert (topic[cosine.argmax(1)] == topic).mean() > 0.95


def test_directions_bring_the_deviations_nearer_to_each_other() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.normal(size=(4_000, 3)) * [16.0, 1.0, 0.0]
    turned = drawn @ find_directions(drawn.astype(np.float32))
    assert turned.shape[1] == 2  # of the third nothing is there
    assert np.allclose(turned.std(0), [4, 1], rtol=0.03)


def test_an_embedding_of_nobody_is_zero() -> None:
    assert not prepare_content(Embedding("85", np.zeros((3, 200), np.float16))).vectors.any()
