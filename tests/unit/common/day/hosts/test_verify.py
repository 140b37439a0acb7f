"""The table of what is known and what is there: each kind of difference, and none."""

from pathlib import Path

import polars as pl
import pytest

from common.day.hosts.layout import FileSpec, FilesRead, Layout
from common.day.hosts.verify import (
    ABSENT,
    DIFFERS,
    MISSING,
    OK,
    UNREAD,
    FileCheck,
    check_files,
    check_reading,
    require_valid,
)
from common.engine.errors import UserError

CLICKS = "user_id,item_id\n1,10\n2,20\n3,30\n"
CLICKS_KNOWN = FileSpec("clicks.csv", rows=3, columns=("user_id", "item_id"))
PARTS_KNOWN = FileSpec("seq/*.parquet", files=2, rows=5, columns=("user_id",))
PICKLE_KNOWN = FileSpec("indexer.pkl")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "clicks.csv").write_text(CLICKS)
    (tmp_path / "seq").mkdir()
    pl.DataFrame({"user_id": [1, 2], "seq": ["a", "b"]}).write_parquet(tmp_path / "seq" / "0.parquet")
    pl.DataFrame({"user_id": [3, 4, 5], "seq": ["c", "d", "e"]}).write_parquet(tmp_path / "seq" / "1.parquet")
    (tmp_path / "indexer.pkl").write_bytes(b"not opened, only read")
    return tmp_path


def check(raw: Path, spec: FileSpec) -> FileCheck:
    (row,) = check_files(raw, [Layout("one", (), (spec,))])
    return row


@pytest.mark.parametrize(
    ("spec", "expected", "actual"),
    [
        (CLICKS_KNOWN, "3 rows, 2 columns", "3 rows; 0.0 MB"),
        (PARTS_KNOWN, "2 files, 5 rows, 1 column", "2 files; 5 rows; 0.0 MB"),
        (FileSpec("clicks.csv"), "", "0.0 MB"),
    ],
)
def test_what_is_right_is_ok(raw: Path, spec: FileSpec, expected: str, actual: str) -> None:
    assert check(raw, spec) == FileCheck(spec.path, expected, actual, OK)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (FileSpec("clicks.csv", rows=5), "not 5 rows"),
        (FileSpec("seq/*.parquet", files=3), "not 3 files"),
        (FileSpec("clicks.csv", columns=("user_id", "when", "where")), "clicks.csv has no column when and 1 more"),
        (FileSpec("clicks.csv", megabytes=43.5), "not 43.5 MB"),
    ],
)
def test_what_differs_is_named(raw: Path, spec: FileSpec, fault: str) -> None:
    row = check(raw, spec)
    assert row.state == DIFFERS
    assert row.actual.endswith(f"; {fault}")


def test_a_missing_file_is_missing_unless_it_or_another_makes_it_needless(raw: Path) -> None:
    assert check(raw, FileSpec("test.csv")) == FileCheck("test.csv", "", "nothing", MISSING)
    assert check(raw, FileSpec("test.csv", needed=False)).state == ABSENT
    assert check(raw, FileSpec("test.csv", unless="clicks*.csv")).state == ABSENT
    assert check(raw, FileSpec("test.csv", unless="other*.csv")).state == MISSING
    assert check(raw / "no folder", CLICKS_KNOWN).state == MISSING
    (raw / "seq" / "1.parquet").write_bytes(b"PAR1 no parquet at all")
    assert check(raw, PARTS_KNOWN).actual.startswith("cannot be read")


@pytest.mark.parametrize(
    ("size", "state"),
    [(9_700_000, DIFFERS), (9_900_000, OK), (10_380_902, OK), (10_600_000, DIFFERS)],
)
def test_a_published_size_may_mean_either_megabyte(raw: Path, size: int, state: str) -> None:
    with (raw / "indexer.pkl").open("wb") as file:
        file.truncate(size)
    assert check(raw, FileSpec("indexer.pkl", megabytes=9.9)).state == state


def test_the_layout_is_the_one_whose_sign_is_there_else_the_first(raw: Path) -> None:
    first, second = Layout("first", ("train/*",), (PARTS_KNOWN,)), Layout("second", ("*.pkl",), (PICKLE_KNOWN,))
    assert [row.file for row in check_files(raw, [first, second])] == ["indexer.pkl"]
    (raw / "indexer.pkl").unlink()
    assert [row.file for row in check_files(raw, [first, second])] == ["seq/*.parquet"]


def test_a_table_is_refused_with_one_sentence(raw: Path) -> None:
    rows = [FileCheck("a", "", "", OK), FileCheck("b", "", "", ABSENT)]
    require_valid(rows, raw, "do this")
    rows.append(FileCheck("c", "", "", MISSING))
    with pytest.raises(UserError, match=r"^1 of the files in .* are missing \(first: c\); do this$"):
        require_valid(rows, raw, "do this")
    with pytest.raises(UserError, match=r"^1 of the files in .* differ from the known ones \(first: d\); do this$"):
        require_valid([*rows, FileCheck("d", "", "", DIFFERS)], raw, "do this")


def test_the_competitions_own_reader_says_what_it_would_read_and_what_not(raw: Path) -> None:
    def list_read(folder: Path) -> FilesRead:
        return FilesRead({"sequences": sorted(folder.glob("seq/*"))}, [folder / "clicks.csv"])

    rows = check_reading(raw, list_read)
    assert [(row.file, row.actual, row.state) for row in rows] == [
        ("sequences", "2 files", OK),
        ("clicks.csv", "not read by a run", UNREAD),
    ]
    require_valid(rows, raw, "do nothing")
    assert check_reading(raw, None) == check_reading(raw / "nowhere", list_read) == []

    # A folder that the reader refuses does not pass the check.
    def refuse(folder: Path) -> FilesRead:
        raise UserError("seq.jsonl is missing")

    (row,) = check_reading(raw, refuse)
    assert (row.actual, row.state) == ("seq.jsonl is missing", DIFFERS)
