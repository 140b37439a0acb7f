"""The reader of the catalogue: articles and their embeddings, what it counts and what it refuses."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.engine.errors import UserError
from common.io import csv_blocks
from competitions.news.io import reader

ARTICLE_HEADER = "article_id,category_id,created_at_ts,words_count"
EMBEDDING_HEADER = ",".join(column.header for column in reader.EMBEDDING_COLUMNS)
START = 1_507_000_000_000


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines))
    return path


def embedding(item: int, fill: object = 0.5) -> str:
    return ",".join([str(item), *[str(fill)] * reader.EMBEDDING_WIDTH])


# --- articles ---


def test_articles_are_sorted_by_item(tmp_path: Path) -> None:
    lines = (f"10,1,{START},100", f"12,2,{START},0", f"11,1,{START},7")
    frame = reader.read_articles(write(tmp_path / reader.ARTICLES, ARTICLE_HEADER, *lines)).frame
    assert frame.rows() == [(10, 1, START, 100), (11, 1, START, 7), (12, 2, START, 0)]
    assert frame.schema == {"item": pl.Int32, "category": pl.Int32, "created": pl.Int64, "words": pl.Int32}


def test_identical_article_rows_are_counted_and_contradicting_ones_refused(tmp_path: Path) -> None:
    row = f"10,1,{START},100"
    path = write(tmp_path / reader.ARTICLES, ARTICLE_HEADER, row, f"9,1,{START},5", row)
    articles = reader.read_articles(path)
    assert articles.frame["item"].to_list() == [9, 10]
    assert [(note.file, note.rows) for note in articles.notes if "repeated identical" in note.rule] == [
        (reader.ARTICLES, 1)
    ]
    write(path, ARTICLE_HEADER, row, f"9,1,{START},5", row, f"10,2,{START},100")
    with pytest.raises(UserError, match=r"articles\.csv, line 5: article 10 is already on line 2"):
        reader.read_articles(path)


# --- embeddings ---


@pytest.mark.parametrize("block_bytes", [1 << 24, 3000])
def test_embeddings_are_ordered_by_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", block_bytes)
    vectors = np.random.default_rng(0).normal(size=(4, reader.EMBEDDING_WIDTH)).astype(np.float32)
    items = [7, 3, 11, 5]
    lines = [",".join([str(item), *map(str, vector.tolist())]) for item, vector in zip(items, vectors, strict=True)]
    read = reader.read_embeddings(write(tmp_path / reader.EMBEDDINGS, EMBEDDING_HEADER, *lines, ""))
    assert read.items.tolist() == [3, 5, 7, 11]
    assert (read.items.dtype, read.vectors.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(read.vectors, vectors[[1, 3, 0, 2]])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (embedding(3, "nan"), "line 3: emb_0 is 'nan', not a finite number"),
        (embedding(3)[:-3] + "inf", "line 3: emb_249 is 'inf', not a finite number"),
        (embedding(3)[:-3] + "1e39", "line 3: emb_249 is '1e39', not a finite number"),
        (embedding(3)[:-3], "line 3: emb_249 is '', not a finite number"),
        (embedding(3)[:-4], "line 3: 250 fields where 251 are expected"),
        (embedding(3) + ",0.5", "line 3: 252 fields where 251 are expected"),
        (embedding(1), "line 3: article 1 is already on line 2"),
    ],
)
def test_bad_embedding_row_is_refused_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    path = write(tmp_path / reader.EMBEDDINGS, EMBEDDING_HEADER, embedding(1), row, embedding(2))
    with pytest.raises(UserError) as caught:
        reader.read_embeddings(path)
    assert f"{reader.EMBEDDINGS}, {said}" in str(caught.value)


def test_embedding_header_of_another_width_and_empty_table_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / reader.EMBEDDINGS, EMBEDDING_HEADER.removesuffix(",emb_249"), embedding(1)[:-4])
    with pytest.raises(UserError, match="lacks 'emb_249'"):
        reader.read_embeddings(path)
    with pytest.raises(UserError, match="no rows"):
        reader.read_embeddings(write(path, EMBEDDING_HEADER))
