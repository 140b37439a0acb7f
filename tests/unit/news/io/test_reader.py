"""The reader of the raw files: what it accepts, what it counts, what it refuses and how it says so."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.engine.errors import UserError
from common.io import csv
from common.io.notes import Note
from competitions.news.io import reader
from tests.unit.news.news_world import CLICKS, START

CLICK_HEADER = ",".join(column.header for column in reader.CLICK_COLUMNS)
ARTICLE_HEADER = ",".join(column.header for column in reader.ARTICLE_COLUMNS)
EMBEDDING_HEADER = ",".join(column.header for column in reader.EMBEDDING_COLUMNS)


def click(user: int, item: int, second: int = 0) -> str:
    return f"{user},{item},{START + 1000 * second},4,1,17,1,25,2"


def embedding(item: int) -> str:
    return ",".join([str(item), *["0.5"] * reader.EMBEDDING_WIDTH])


def write(path: Path, *lines: str, end: str = "\n") -> Path:
    path.write_bytes((end.join(lines) + end).encode())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two train users, two board-A users, one board-B user, three articles (the log also clicks on an unlisted one)."""
    write(tmp_path / reader.TRAIN, CLICK_HEADER, click(1, 12, 60), click(0, 10, 5), click(0, 11), click(1, 10))
    write(tmp_path / reader.TEST_A, CLICK_HEADER, click(5, 99), click(5, 10, 30), click(6, 11))
    write(tmp_path / reader.ARTICLES, ARTICLE_HEADER, f"10,1,{START},100", f"12,2,{START},0", f"11,1,{START},7")
    return tmp_path


def add_board_b(folder: Path, name: str = reader.TEST_B[0]) -> Path:
    return write(folder / name, CLICK_HEADER, click(8, 10), click(8, 11, 30))


def read(folder: Path, board: str = "auto") -> reader.Clicks:
    files = reader.locate(folder, board)
    return reader.read_clicks(files.train, files.tests, files.target, reader.read_articles(files.articles).frame)


def list_counts(notes: tuple[Note, ...], what: str) -> list[tuple[str, int]]:
    return [(note.file, note.rows) for note in notes if what in note.what]


# --- locate ---


@pytest.mark.parametrize("name", reader.TEST_B)
def test_board_b_is_preferred_and_reads_the_board_a_log_too(folder: Path, name: str) -> None:
    files = reader.locate(folder)
    assert (files.board, files.tests, files.target) == ("A", (folder / reader.TEST_A,), folder / reader.TEST_A)
    assert (files.embeddings, files.notes[0].file) == (None, reader.EMBEDDINGS)
    path = add_board_b(folder, name)
    files = reader.locate(folder)
    assert (files.board, files.tests, files.target) == ("B", (folder / reader.TEST_A, path), path)
    assert reader.locate(folder, "a").tests == (folder / reader.TEST_A,)


@pytest.mark.parametrize(("board", "said"), [("B", reader.TEST_B[0]), ("C", "'C'")])
def test_a_board_that_is_not_there_is_refused(folder: Path, board: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        reader.locate(folder, board)


# --- clicks: accepted and counted ---


def test_clicks_are_sorted_typed_and_marked_and_what_is_odd_is_counted(folder: Path) -> None:
    clicks = read(folder)
    frame = clicks.frame
    expected = [(0, 11, 0), (0, 10, 5), (1, 10, 0), (1, 12, 60), (5, 99, 0), (5, 10, 30), (6, 11, 0)]
    assert frame.select("user", "item", (pl.col("time") - START) // 1000).rows() == expected
    assert frame["is_test"].to_list() == [user > 1 for user, _, _ in expected]
    assert frame["is_target"].to_list() == frame["is_test"].to_list()
    assert frame.drop("is_test", "is_target").row(0) == (0, 11, START, 4, 1, 17, 1, 25, 2)
    assert frame.schema == CLICKS
    assert list_counts(clicks.notes, "not in articles.csv") == [(reader.TEST_A, 1)]
    assert list_counts(clicks.notes, "single click") == [(reader.TEST_A, 1)]
    assert len(clicks.notes) == 2


def test_on_board_b_only_its_own_users_are_predicted_and_those_of_board_a_are_test_users_too(folder: Path) -> None:
    add_board_b(folder)
    clicks = read(folder)
    marks = clicks.frame.select("user", "is_test", "is_target").unique().sort("user")
    assert marks.rows() == [(user, user > 1, user > 6) for user in (0, 1, 5, 6, 8)]
    assert list_counts(clicks.notes, "single click") == []
    write(folder / reader.TEST_B[0], CLICK_HEADER, click(8, 10), click(6, 12, 9))
    merged = read(folder)
    assert merged.frame.filter(user=6).select("is_test", "is_target").rows() == [(True, True)] * 2
    assert list_counts(merged.notes, "board-A log") == [(reader.TEST_B[0], 1)]
    assert list_counts(merged.notes, "single click") == [(reader.TEST_B[0], 1)]


def test_repeated_clicks_are_dropped_and_counted(folder: Path) -> None:
    write(folder / reader.TEST_A, CLICK_HEADER, click(5, 10), click(6, 11), click(5, 10), click(5, 10), click(5, 10, 1))
    clicks = read(folder)
    assert clicks.frame.filter(user=5).height == 2
    assert list_counts(clicks.notes, "repeated") == [(reader.TEST_A, 2)]


@pytest.mark.parametrize("time", [reader.TIME_MIN_MS, START + 115 * 86_400_000, reader.TIME_MAX_MS])
def test_a_click_far_from_the_others_is_counted_and_kept(folder: Path, time: int) -> None:
    sound = read(folder)
    assert "click_timestamp far from the rest of the logs" not in {note.what for note in sound.notes}
    lines = (folder / reader.TEST_A).read_text().splitlines()
    user, item, _, *rest = lines[1].split(",")
    (folder / reader.TEST_A).write_text("\n".join([*lines, ",".join([user, item, str(time), *rest])]) + "\n")
    odd = read(folder)
    (note,) = [note for note in odd.notes if "far from" in note.what]
    assert (note.file, note.rows) == (reader.TEST_A, 1)
    assert odd.frame.height == sound.frame.height + 1


def test_a_log_by_another_clock_is_noted_and_kept(folder: Path) -> None:
    rng = np.random.default_rng(0)

    def draw(first_user: int, shift: int) -> list[str]:
        hours = 24 * rng.integers(0, 14, 6_000) + rng.normal(14, 4, 6_000) + shift
        return [click(first_user + number, 10, int(3600 * hour)) for number, hour in enumerate(hours)]

    write(folder / reader.TEST_A, CLICK_HEADER, *draw(10_000, 0))
    for shift, expected in ((0, []), (8, ["+8 hours"])):
        write(folder / reader.TRAIN, CLICK_HEADER, *draw(0, shift))
        notes = [note for note in read(folder).notes if "clocks may differ" in note.what]
        assert [hours for note in notes for hours in expected if hours in note.what] == expected
        assert len(notes) == len(expected)


# --- articles ---


def test_articles_are_sorted_by_item_and_their_repeats_and_odd_values_counted(folder: Path) -> None:
    far = START + 2 * reader.FAR_MS
    rows = (f"10,1,{START},100", f"12,2,{START},2000000000", f"11,1,{far},8", f"13,1,{START},30", f"10,1,{START},100")
    path = write(folder / reader.ARTICLES, ARTICLE_HEADER, *rows)
    articles = reader.read_articles(path)
    assert articles.frame.rows() == [
        *[(10, 1, START, 100), (11, 1, far, 8), (12, 2, START, 65), (13, 1, START, 30)],  # of 8, 30, 100 and 2000000000
    ]
    assert articles.frame.schema == {"item": pl.Int32, "category": pl.Int32, "created": pl.Int64, "words": pl.Int32}
    assert list_counts(articles.notes, "repeated identical") == [(reader.ARTICLES, 1)]
    assert list_counts(articles.notes, "above 100,000") == [(reader.ARTICLES, 1)]
    assert list_counts(read(folder).notes, "more than a year after most") == [(reader.ARTICLES, 1)]
    write(path, ARTICLE_HEADER, *rows, f"10,2,{START},100")
    with pytest.raises(UserError, match=r"articles\.csv, line 7: article 10 is already on line 2"):
        reader.read_articles(path)


# --- embeddings ---


@pytest.mark.parametrize("block_bytes", [1 << 24, 3000])
def test_embeddings_are_ordered_by_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    monkeypatch.setattr(csv, "BLOCK_BYTES", block_bytes)
    vectors = np.random.default_rng(0).normal(size=(4, reader.EMBEDDING_WIDTH)).astype(np.float32)
    items = [7, 3, 11, 5]
    lines = [",".join([str(item), *map(str, vector.tolist())]) for item, vector in zip(items, vectors, strict=True)]
    read = reader.read_embeddings(write(tmp_path / reader.EMBEDDINGS, EMBEDDING_HEADER, *lines, ""))
    assert read.items.tolist() == [3, 5, 7, 11]
    assert (read.items.dtype, read.vectors.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(read.vectors, vectors[[1, 3, 0, 2]])


def test_a_repeated_or_missing_embedding_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / reader.EMBEDDINGS, EMBEDDING_HEADER, embedding(1), embedding(1))
    with pytest.raises(UserError, match=f"{reader.EMBEDDINGS}, line 3: article 1 is already on line 2"):
        reader.read_embeddings(path)
    with pytest.raises(UserError, match="no rows"):
        reader.read_embeddings(write(path, EMBEDDING_HEADER))


def test_clicked_articles_without_an_embedding_are_counted() -> None:
    clicks = pl.DataFrame({"item": pl.Series([1, 2, 2, 3, 9], dtype=pl.Int32)})
    vectors = reader.Embeddings(np.array([1, 3, 4], np.int32), np.zeros((3, 250), np.float32))
    (note,) = reader.note_unembedded(clicks, vectors)
    assert (note.file, note.rows) == (reader.EMBEDDINGS, 2)
    assert note.what.startswith("clicked article without an embedding, of 4")
    assert reader.note_unembedded(clicks.filter(pl.col("item").is_in([1, 3])), vectors) == ()
