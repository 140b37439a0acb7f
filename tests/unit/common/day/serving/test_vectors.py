"""Vectors in fewer bits: small in the file, float32 once they are loaded, close to what they were."""

from pathlib import Path

import numpy as np
import pytest

from common.day.serving.benchmark import size_of
from common.day.serving.vectors import pack
from common.engine.result_store import read_value, write_value


@pytest.mark.parametrize(("kind", "bytes_each", "most"), [("float32", 4, 0), ("float16", 2, 5e-4), ("int8", 1, 4e-3)])
def test_a_vector_is_stored_in_so_many_bytes_and_loaded_within_the_error_of_its_kind(
    tmp_path: Path, kind: str, bytes_each: int, most: float
) -> None:
    vectors = np.random.default_rng(0).standard_normal((30_000, 100)).astype(np.float32)
    vectors *= np.float32(10.0) ** np.random.default_rng(1).integers(-2, 3, (len(vectors), 1))  # short ones, long ones
    vectors[7] = 0
    write_value(tmp_path, pack(vectors, kind))
    assert size_of(tmp_path) * 2**20 == pytest.approx(vectors.size * bytes_each + 4 * len(vectors), rel=0.01)
    loaded = read_value(tmp_path)
    assert loaded.dtype == np.float32
    assert (np.abs(loaded - vectors) <= most * np.abs(vectors).max(1, keepdims=True)).all()
