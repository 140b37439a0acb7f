"""Embeddings in the host's three forms become one table by row of the catalogue."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.engine.errors import UserError
from competitions.tencent.corpus import Catalogue
from competitions.tencent.io import embeddings, reader
from competitions.tencent.io.embeddings import WIDEST, project
from tests.unit.tencent.tencent_files import BASE, refusal, write_lines, write_pickle

CATALOGUE = Catalogue(np.array([0, BASE + 7, BASE + 3, BASE + 9, BASE + 1]), np.zeros((5, 13), np.int32), 3, (0,) * 13)
VECTORS: dict[int, Any] = {BASE + 3: [1.5, -2.0], BASE + 1: [0.1, 65504.0], BASE + 9: None, BASE + 99: [3.0, 4.0]}
EXPECTED = np.array([[0, 0], [0, 0], [1.5, -2], [0, 0], [0.1, 65504]], np.float16)
SCHEMA = pa.schema([("anonymous_cid", pa.string()), ("emb", pa.list_(pa.float64()))])


def pickled(folder: Path, vectors: dict[Any, Any]) -> Path:
    arrays = {str(key): value if value is None else np.array(value, np.float32) for key, value in vectors.items()}
    return write_pickle(folder / "emb_81_2.pkl", arrays)


def as_lines(folder: Path, vectors: dict[Any, Any]) -> Path:
    embedding = [
        {"anonymous_cid": str(key)} | ({} if value is None else {"emb": value}) for key, value in vectors.items()
    ]
    return write_lines(folder / "emb_82_2" / "part-0.json", embedding)


def as_table(folder: Path, vectors: dict[Any, Any], kind: pa.Schema = SCHEMA) -> Path:
    path = folder / "emb_81_2_parquet" / "part-0.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"anonymous_cid": str(key), "emb": value} for key, value in vectors.items()]
    pq.write_table(pa.Table.from_pylist(rows, kind), path, row_group_size=2)
    return path


FORMS = {"pickle": pickled, "lines": as_lines, "table": as_table}
POSITIONS = {"pickle": f"id '{BASE + 1}'", "lines": "line 2", "table": "row 2"}


def read(*paths: Path) -> Any:
    return reader.read_embedding(paths, CATALOGUE, "emb_81_2")


@pytest.mark.parametrize("form", FORMS)
def test_vectors_by_row(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    embedding = read(FORMS[form](tmp_path, VECTORS))
    assert embedding.dtype == np.float16
    np.testing.assert_array_equal(embedding, EXPECTED)
    assert "emb_81_2: 2 of 4 items have a vector; 1 vectors are of other ids" in capsys.readouterr().err


def test_files_of_two_widths_and_of_none(tmp_path: Path) -> None:
    pair = pickled(tmp_path, VECTORS), as_lines(tmp_path, {BASE + 7: [7.0, 6.0, 5.0]})
    with pytest.raises(UserError, match=r"a vector with 3 dimensions; the first has 2"):
        read(*pair)
    assert read(pickled(tmp_path, {BASE + 9: None})).tolist() == [[0.0]] * 5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        ([1.0, 2.0, 3.0], "a vector with"),
        ([], ""),  # a vector with 0 dimensions, or none
        ([1.0, 1e6], "a vector with a number that is not finite, or beyond 65504"),
    ],
)
def test_a_vector_that_is_refused(tmp_path: Path, form: str, vector: Any, reason: str) -> None:
    message = refusal(FORMS[form](tmp_path, {BASE + 3: [1.0, 2.0], BASE + 1: vector, BASE + 7: [1.0, 2.0]}), read)
    assert f"{POSITIONS[form]}: {reason}" in message


@pytest.mark.parametrize(
    ("form", "vectors", "reason"),
    [
        ("pickle", [[1.0, 2.0], [1.0, np.nan]], f"id '{BASE + 1}': a vector with a number that is not finite"),
        ("table", [[1.0, 2.0], [1.0, -np.inf]], "row 2: a vector with a number that is not finite"),
        ("table", [[1.0, None]], "row 1: a vector with a number that is not finite"),
        ("lines", [[1.0, 2.0], [1.0, np.nan]], "line 2: JSON is malformed"),
        ("lines", [[1.0, None]], "line 1: Expected `float`, got `null`"),
    ],
)
def test_a_number_that_is_not_finite(tmp_path: Path, form: str, vectors: list[Any], reason: str) -> None:
    assert reason in refusal(FORMS[form](tmp_path, {BASE + at: one for at, one in enumerate(vectors)}), read)


def test_whole_numbers_are_refused_beyond_float16_on_either_side(tmp_path: Path) -> None:
    """Of the least 32-bit number the absolute value is itself, below any limit."""
    path = write_pickle(tmp_path / "emb_81_2.pkl", {str(BASE + 3): np.array([np.iinfo(np.int32).min, -3], np.int32)})
    with pytest.raises(UserError, match=r"not finite, or beyond 65504"):
        read(path)
    assert read(write_pickle(path, {str(BASE + 3): np.array([-7, -128], np.int8)}))[2].tolist() == [-7, -128]


@pytest.mark.parametrize("value", [[1.0, 2.0], "a text", np.ones((2, 2)), np.array(["a", "b"]), 7])
def test_a_pickled_value_that_is_no_vector_is_refused(tmp_path: Path, value: Any) -> None:
    path = write_pickle(tmp_path / "emb_81_2.pkl", {str(BASE + 3): np.ones(2), str(BASE + 1): value})
    with pytest.raises(UserError, match=r"no vector of numbers|is not a pickle of plain data"):
        read(path)


@pytest.mark.parametrize("size", [100, 900])
def test_a_wide_embedding_keeps_what_tells_ads_apart(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "SAMPLE", 350)
    rng = np.random.default_rng(1)
    topic = rng.integers(6, size=900)
    vectors = 50 * rng.normal(size=600) + 3 * rng.normal(size=(6, 600))[topic] + 0.3 * rng.normal(size=(900, 600))
    every, halves = np.arange(900), vectors.astype(np.float16)
    blocks = ((every[at : at + size], halves[at : at + size]) for at in range(0, 900, size))
    parts = [*project(blocks, "wide")]
    ids, projected = (np.concatenate(column) for column in zip(*parts, strict=True))
    assert ids.tolist() == list(range(900))
    assert projected.shape == (900, WIDEST)
    near = projected.astype(np.float32)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    cosine = near @ near.T - 2 * np.eye(900)
    assert (topic[cosine.argmax(1)] == topic).mean() > 0.95
