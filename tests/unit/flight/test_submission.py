"""The flight submission: the files on disk, one mutation per rule, the score against a table computed by hand."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.flight import submission
from competitions.flight.io import reader
from tests.unit.flight.flight_rows import option, two_sessions, write_test, write_train

ROWS = [option(Id, session) for Id, session in ((10, "a"), (11, "a"), (12, "a"), (20, "b"), (15, "c"))]
RANKS = pl.Series([2, 1, 3, 1, 1])
EXACT = "Id,ranker_id,selected\n10,a,2\n11,a,1\n12,a,3\n20,b,1\n15,c,1\n"


@pytest.fixture
def files(tmp_path: Path) -> reader.RawFiles:
    """A test file of three sessions, of 3, 1 and 1 options."""
    write_train(tmp_path, two_sessions())
    write_test(tmp_path, ROWS)
    return reader.locate(tmp_path)


@pytest.fixture
def written(files: reader.RawFiles, tmp_path: Path) -> tuple[Path, Path]:
    return submission.write_submission(RANKS, files.test, tmp_path / "run")


# --- write ---


def test_both_files_are_exact_and_pass(files: reader.RawFiles, written: tuple[Path, Path], tmp_path: Path) -> None:
    parquet, csv = written
    assert (parquet, csv) == (tmp_path / "run" / "submission.parquet", tmp_path / "run" / "submission.csv")
    assert csv.read_text() == EXACT
    frame = pl.read_parquet(parquet)
    assert dict(frame.schema) == {"Id": pl.Int64(), "ranker_id": pl.String(), "selected": pl.Int64()}
    assert frame.write_csv() == EXACT
    for path in written:
        assert submission.check_submission(path, files) == (path, 5, submission.RULES)


# --- check ---


def rewrite(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change the file in its own format."""
    if path.suffix == ".csv":
        change(pl.read_csv(path)).write_csv(path)
    else:
        change(pl.read_parquet(path)).write_parquet(path)


def refusal(path: Path, files: reader.RawFiles) -> str:
    with pytest.raises(UserError) as caught:
        submission.check_submission(path, files)
    assert str(path) in str(caught.value)
    return str(caught.value)


def set_ranks(*ranks: int) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(selected=pl.Series(ranks))


def reorder(*rows: int) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame[list(rows)]


MOVED = "all rows are there, but in the wrong order"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize(
    ("change", "rule", "expected"),
    [
        (set_ranks(2, 1, 2, 1, 1), submission.PERMUTATION, ["1 time(s)", "session a: 2 distinct ranks from 1 to 2"]),
        (set_ranks(2, 1, 4, 1, 1), submission.PERMUTATION, ["session a: 3 distinct ranks from 1 to 4 on 3 rows"]),
        (set_ranks(1, 0, 2, 1, 1), submission.PERMUTATION, ["session a: 3 distinct ranks from 0 to 2 on 3 rows"]),
        (set_ranks(2, 1, 3, 2, 0), submission.PERMUTATION, ["2 time(s)", "session b: 1 distinct ranks from 2 to 2"]),
        (reorder(0, 1, 2, 3), submission.AS_MANY, ["4 rows for 5", "missing Id 15"]),
        (
            lambda frame: pl.concat([frame, pl.DataFrame({"Id": 99, "ranker_id": "z", "selected": 1})]),
            submission.AS_MANY,
            ["6 rows for 5", "unknown Id 99"],
        ),
        (reorder(1, 0, 2, 3, 4), submission.SAME_ORDER, ["2 time(s)", "(11, 'a') where (10, 'a') is expected", MOVED]),
        (
            lambda frame: frame.with_columns(Id=pl.col("Id").replace(12, 13)),
            submission.SAME_ORDER,
            ["1 time(s)", "(13, 'a') where (12, 'a') is expected"],
        ),
        (
            lambda frame: frame.with_columns(ranker_id=pl.col("ranker_id").replace("c", "C")),
            submission.SAME_ORDER,
            ["1 time(s)", "(15, 'C') where (15, 'c') is expected"],
        ),
    ],
)
def test_a_broken_rule_is_named_with_the_first_rows(
    files: reader.RawFiles,
    written: tuple[Path, Path],
    suffix: str,
    change: Callable[[pl.DataFrame], pl.DataFrame],
    rule: str,
    expected: list[str],
) -> None:
    path = next(path for path in written if path.suffix == suffix)
    rewrite(path, change)
    sentence = refusal(path, files)
    assert [broken for broken in submission.RULES if f"'{broken}'" in sentence] == [rule]
    assert [part for part in expected if part not in sentence] == []
    assert (MOVED in sentence) == (MOVED in expected)


def replace(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (replace("11,a,1", "11,a,"), f"'{submission.INTEGERS}' is broken 1 time(s), first: line 3: '11,a,'"),
        (replace("11,a,1", "11,a,NaN"), f"'{submission.INTEGERS}' is broken 1 time(s), first: line 3"),
        (replace("11,a,1", "11,a,01"), f"'{submission.INTEGERS}' is broken 1 time(s), first: line 3: '11,a,01'"),
        (replace("11,a,1", "11,a\r,1"), "line 3: a carriage return inside the line"),
        (replace("11,a,1", "11,a,9999999999999999999"), f"'{submission.INTEGERS}' is broken 1 time(s), first: line 3"),
        (replace("Id,ranker_id", "ranker_id,Id"), "line 1: the header is 'ranker_id,Id,selected'"),
        (replace("11,a,1", "11,a"), "line 3: 2 fields where 3 are expected"),
    ],
)
def test_a_csv_of_another_form_is_refused(
    files: reader.RawFiles, written: tuple[Path, Path], change: Callable[[str], str], expected: str
) -> None:
    path = written[1]
    path.write_text(change(path.read_text()))
    assert expected in refusal(path, files)


def with_id(frame: pl.DataFrame, Id: int) -> pl.DataFrame:
    """The second row with another Id; the column is as wide as pandas makes it."""
    return frame.with_columns(Id=pl.Series([10, Id, 12, 20, 15], dtype=pl.UInt64))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda frame: frame.cast({"selected": pl.Float64}), submission.INTEGERS),
        (
            lambda frame: frame.with_columns(selected=pl.Series([2, None, 3, 1, 1])),
            "broken 1 time(s), first: row 1: '11,a,None'",
        ),
        (lambda frame: frame.cast({"ranker_id": pl.Binary}), submission.SAME_ORDER),
        (lambda frame: with_id(frame, 2**63), f"broken 1 time(s), first: row 1: '{2**63},a,1'"),
        (lambda frame: frame.drop("Id"), submission.NAMES),
        (lambda frame: frame.select("ranker_id", "Id", "selected"), submission.NAMES),
        (lambda frame: frame.clear(), "has columns but no rows"),
    ],
)
def test_a_parquet_file_of_another_form_is_refused(
    files: reader.RawFiles, written: tuple[Path, Path], change: Callable[[pl.DataFrame], pl.DataFrame], expected: str
) -> None:
    rewrite(written[0], change)
    assert expected in refusal(written[0], files)


@pytest.mark.parametrize("name", ["submission.parquet", "submission.csv"])
def test_a_file_that_is_not_there_or_damaged_is_refused(files: reader.RawFiles, tmp_path: Path, name: str) -> None:
    path = tmp_path / "none" / name
    assert "cannot be read" in refusal(path, files)
    path.parent.mkdir()
    path.write_bytes(b"PAR1\xff\xff")
    assert ("cannot be read" if path.suffix == ".parquet" else "line 1") in refusal(path, files)
