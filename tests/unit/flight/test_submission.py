"""The flight submission: the files on disk, one mutation per rule, the score against a table computed by hand."""

import math
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.flight import submission
from competitions.flight.io import reader
from tests.unit.flight.flight_rows import option, two_sessions, write_test, write_train

ROWS = [option(Id, session) for Id, session in ((10, "a"), (11, "a"), (12, "a"), (20, "b"), (15, "c"))]
EXACT = "Id,ranker_id,selected\n10,a,2\n11,a,1\n12,a,3\n20,b,1\n15,c,1\n"
Edit = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture
def files(tmp_path: Path) -> reader.RawFiles:
    """A test file of three sessions, of 3, 1 and 1 options."""
    write_train(tmp_path, two_sessions())
    write_test(tmp_path, ROWS)
    return reader.locate(tmp_path)


@pytest.fixture
def written(files: reader.RawFiles, tmp_path: Path) -> tuple[Path, Path]:
    return submission.write_submission(pl.Series([2, 1, 3, 1, 1]), files.test, tmp_path / "run")


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


def rewrite(path: Path, change: Edit) -> None:
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


def put(**columns: pl.Series | pl.Expr | list[int]) -> Edit:
    """The table with other columns."""
    values = {name: pl.Series(own) if isinstance(own, list) else own for name, own in columns.items()}
    return lambda frame: frame.with_columns(**values)


def reorder(*rows: int) -> Edit:
    return lambda frame: frame[list(rows)]


def add_row(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame, pl.DataFrame({"Id": 99, "ranker_id": "z", "selected": 1})])


MOVED = "all rows are there, but in the wrong order"
BROKEN: list[tuple[Edit, str, list[str]]] = [
    (put(selected=[1, 0, 2, 1, 1]), submission.PERMUTATION, ["session a: 3 distinct ranks from 0 to 2 on 3 rows"]),
    (put(selected=[2, 1, 3, 2, 0]), submission.PERMUTATION, ["2 time(s)", "session b: 1 distinct ranks from 2 to 2"]),
    (add_row, submission.AS_MANY, ["6 rows for 5", "unknown Id 99"]),
    (reorder(1, 0, 2, 3, 4), submission.SAME_ORDER, ["2 time(s)", "(11, 'a') where (10, 'a') is expected", MOVED]),
    (put(Id=pl.col("Id").replace(12, 13)), submission.SAME_ORDER, ["1 time(s)", "(13, 'a') where (12, 'a')"]),
    (
        put(ranker_id=pl.col("ranker_id").replace("c", "C")),
        submission.SAME_ORDER,
        ["1 time(s)", "(15, 'C') where (15, 'c') is expected"],
    ),
]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize(("change", "rule", "expected"), BROKEN)
def test_a_broken_rule_is_named_with_the_first_rows(
    files: reader.RawFiles, written: tuple[Path, Path], suffix: str, change: Edit, rule: str, expected: list[str]
) -> None:
    (path,) = (path for path in written if path.suffix == suffix)
    rewrite(path, change)
    sentence = refusal(path, files)
    assert [broken for broken in submission.RULES if f"'{broken}'" in sentence] == [rule]
    assert [part for part in expected if part not in sentence] == []
    assert (MOVED in sentence) == (MOVED in expected)


FIRST = f"'{submission.INTEGERS}' is broken 1 time(s), first: "


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda frame: frame.cast({"selected": pl.Float64}), submission.INTEGERS),
        (put(selected=pl.Series([2, None, 3, 1, 1])), FIRST + "row 1: '11,a,None'"),
        (put(Id=pl.Series([10, 2**63, 12, 20, 15], dtype=pl.UInt64)), FIRST + f"row 1: '{2**63},a,1'"),  # pandas' width
        (lambda frame: frame.cast({"ranker_id": pl.Binary}), submission.SAME_ORDER),
        (lambda frame: frame.select("ranker_id", "Id", "selected"), submission.NAMES),
        (lambda frame: frame.clear(), "has columns but no rows"),
    ],
)
def test_a_parquet_file_of_another_form_is_refused(
    files: reader.RawFiles, written: tuple[Path, Path], change: Edit, expected: str
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


# --- the score ---

# Session: options, rank of the booked one. The host scores those of more than ten options; h has no answer.
SMALL = {"a": (10, 1), "b": (1, 1), "c": (10, 4)}
BOOKED = {**SMALL, "d": (11, 1), "e": (27, 4), "f": (28, 12), "g": (161, 2), "h": (12, 0), "i": (160, 7)}


@pytest.fixture
def scored(tmp_path: Path) -> tuple[Path, Path]:
    """A submission in which option i of a session has rank i, and its truth; session h has no answer."""
    path, truth = tmp_path / "s.csv", tmp_path / "truth.csv"
    sizes = [(session, size, rank) for session, (size, rank) in BOOKED.items()]
    frame = pl.DataFrame(sizes, schema=["ranker_id", "size", "booked"], orient="row")
    frame = frame.with_columns(selected=pl.int_ranges(1, pl.col("size") + 1)).explode("selected", empty_as_null=True)
    frame = frame.with_row_index("Id").cast({"Id": pl.Int64})
    frame.select(submission.COLUMNS).write_csv(path)
    booked = frame.filter(pl.col("selected") == pl.col("booked")).select(pl.lit(9).alias("price"), "ranker_id", "Id")
    booked.reverse().write_csv(truth)
    return path, truth


def test_the_score_is_that_of_the_table(scored: tuple[Path, Path]) -> None:
    """The ranks 1, 4, 12, 2, 7 of the sessions d, e, f, g, i count."""
    expected = {f"hit_rate@{k}": share for k, share in ((1, 1 / 5), (3, 2 / 5), (5, 3 / 5), (10, 4 / 5))}
    expected |= {"mrr@10": (1 + 1 / 4 + 1 / 2 + 1 / 7) / 5, "sessions": 5}
    expected |= {"hit_rate@3_error": math.sqrt((2 * 0.6**2 + 3 * 0.4**2) / 5 / 5)}
    by_size = {"11-27": 1 / 2, "28-160": 0.0, "161+": 1.0, "all sizes": 4 / 8}
    expected |= {f"hit_rate@3[{size}]": share for size, share in by_size.items()}
    assert submission.score_submission(*scored) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put(ranker_id=pl.lit("g")), "line 3: ranker_id g is already on line 2"),
        (put(ranker_id=pl.col("ranker_id").replace("a", "z")), "1 booked option(s) are not rows of"),
        (lambda frame: frame.filter(pl.col("ranker_id").is_in(["a", "b"])), "no session of more than 10 options"),
    ],
)
def test_a_truth_that_does_not_fit_is_refused(scored: tuple[Path, Path], change: Edit, expected: str) -> None:
    path, truth = scored
    rewrite(truth, change)
    with pytest.raises(UserError) as caught:
        submission.score_submission(path, truth)
    assert expected in str(caught.value)
    assert str(truth) in str(caught.value)


def test_every_rule_is_verified_before_the_score_where_the_raw_files_are_named_and_the_ranks_in_any_case(
    scored: tuple[Path, Path], tmp_path: Path
) -> None:
    path, truth = scored
    files = reader.RawFiles(write_train(tmp_path, two_sessions()), write_test(tmp_path, [option(0, "a")]))
    with pytest.raises(UserError, match=submission.AS_MANY):
        submission.score_submission(path, truth, files)
    frame = pl.read_csv(path)
    write_test(tmp_path, [option(Id, session) for Id, session in frame.select("Id", "ranker_id").iter_rows()])
    assert submission.score_submission(path, truth, files) == submission.score_submission(path, truth)
    rewrite(path, put(selected=pl.lit(1)))
    with pytest.raises(UserError, match=submission.PERMUTATION):
        submission.score_submission(path, truth)
