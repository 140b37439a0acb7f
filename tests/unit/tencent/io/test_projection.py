"""Vectors of thousands of numbers: what tells ads apart is kept, block by block."""

import numpy as np
import pytest

from competitions.tencent.corpus import Halves, Int64s
from competitions.tencent.io import projection
from competitions.tencent.io.projection import WIDEST, project


def project_all(vectors: Halves, size: int) -> tuple[Int64s, Halves]:
    """All blocks of this size, end to end."""
    ids = np.arange(len(vectors))
    parts = list(project((ids[at : at + size], vectors[at : at + size]) for at in range(0, len(vectors), size)))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


@pytest.mark.parametrize("size", [100, 900])
def test_a_wide_embedding_keeps_what_tells_ads_apart(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "SAMPLE", 350)
    rng = np.random.default_rng(1)
    topic = rng.integers(6, size=900)
    vectors = 50 * rng.normal(size=600) + 3 * rng.normal(size=(6, 600))[topic] + 0.3 * rng.normal(size=(900, 600))
    ids, projected = project_all(vectors.astype(np.float16), size)
    assert ids.tolist() == list(range(900))
    assert projected.shape == (900, WIDEST)
    near = projected.astype(np.float32)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    cosine = near @ near.T - 2 * np.eye(900)
    assert (topic[cosine.argmax(1)] == topic).mean() > 0.95
