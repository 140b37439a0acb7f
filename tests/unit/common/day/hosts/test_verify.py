"""The table of what is known and what is there: each kind of difference, and none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from common.day.hosts.layout import FileSpec, Source
from common.day.hosts.verify import (
    ABSENT,
    DIFFERS,
    MISSING,
    OK,
    FileCheck,
    check_files,
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


def make_source(*files: FileSpec, **more: Any) -> Source:
    return Source("x", "login", "", (files,), ("submission.csv",), "", **more)


def check(raw: Path, spec: FileSpec) -> FileCheck:
    (row,) = check_files(raw, make_source(spec))
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


def test_the_layout_is_the_one_whose_first_file_is_there_else_the_first(raw: Path) -> None:
    source = replace(make_source(), layouts=((FileSpec("train/*"), CLICKS_KNOWN), (PICKLE_KNOWN,)))
    assert [row.file for row in check_files(raw, source)] == ["indexer.pkl"]
    (raw / "indexer.pkl").unlink()
    assert [row.file for row in check_files(raw, source)] == ["train/*", "clicks.csv"]


def test_a_table_is_refused_with_one_sentence(raw: Path) -> None:
    rows = [FileCheck("a", "", "", OK), FileCheck("b", "", "", ABSENT)]
    require_valid(rows, raw, "do this")
    rows.append(FileCheck("c", "", "", MISSING))
    with pytest.raises(UserError, match=r"^1 of the files in .* are missing \(first: c\); do this$"):
        require_valid(rows, raw, "do this")
    with pytest.raises(UserError, match=r"differ from the known ones \(first: d\); remove them and do this$"):
        require_valid([*rows, FileCheck("d", "", "", DIFFERS)], raw, "do this")


def test_files_that_the_reader_finds_elsewhere_stand_for_the_pattern_and_what_it_refuses_is_named(raw: Path) -> None:
    (raw / "seq").rename(raw / "moved")
    read = make_source(PARTS_KNOWN, list_read=lambda folder: {PARTS_KNOWN.path: sorted(folder.glob("moved/*"))})
    assert [row.state for row in check_files(raw, read)] == [OK]
    assert check_files(raw / "nowhere", read)[0].state == MISSING

    def refuse(folder: Path) -> Mapping[str, Sequence[Path]]:
        raise UserError("seq.jsonl is broken")

    (_, row) = check_files(raw, make_source(CLICKS_KNOWN, list_read=refuse))
    assert (row.actual, row.state) == ("seq.jsonl is broken", DIFFERS)
    assert len(check_files(raw, make_source(PARTS_KNOWN, list_read=refuse))) == 1  # what is missing says enough
