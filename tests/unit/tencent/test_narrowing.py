"""Vectors of thousands of numbers: what tells ads apart is kept, block by block."""

import numpy as np
import pytest

from competitions.tencent import narrowing
from competitions.tencent.corpus import Halves, Int64s
from competitions.tencent.narrowing import WIDEST, Narrower, find_directions


def narrow(vectors: Halves, size: int) -> tuple[Int64s, Halves]:
    """All blocks of this size, end to end."""
    narrower, ids = Narrower(), np.arange(len(vectors))
    blocks = [narrower.take(ids[at : at + size], vectors[at : at + size]) for at in range(0, len(vectors), size)]
    parts = [part for block in blocks for part in block]
    parts += narrower.rest()
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


@pytest.mark.parametrize("size", [100, 900])
def test_a_wide_embedding_keeps_what_tells_ads_apart(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "SAMPLE", 350)
    rng = np.random.default_rng(1)
    topic = rng.integers(6, size=900)
    vectors = 50 * rng.normal(size=600) + 3 * rng.normal(size=(6, 600))[topic] + 0.3 * rng.normal(size=(900, 600))
    ids, narrowed = narrow(vectors.astype(np.float16), size)
    assert ids.tolist() == list(range(900))
    assert narrowed.shape == (900, WIDEST)
    near = narrowed.astype(np.float32)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    cosine = near @ near.T - 2 * np.eye(900)
    assert (topic[cosine.argmax(1)] == topic).mean() > 0.95


def test_a_narrow_one_stays_as_it_is() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, WIDEST)).astype(np.float16)
    assert np.array_equal(narrow(vectors, 20)[1], vectors)


def test_directions_bring_the_deviations_nearer_to_each_other() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.normal(size=(4_000, 3)) * [16.0, 1.0, 0.0]
    turned = drawn @ find_directions(drawn.astype(np.float32))
    assert turned.shape[1] == 2  # of the third nothing is there
    assert np.allclose(turned.std(0), [1, 4], rtol=0.03)
