"""The flight submission: write it as parquet and CSV, check the file on disk, score it against a truth file."""

from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure, refuse_folder
from common.io.submission import (
    NAME_IT,
    Checked,
    Violation,
    are_whole,
    find_rows,
    read_back,
    read_truth,
    refuse,
    write_whole,
)
from common.io.tables import read_parquet
from competitions.flight.io.parquet import open_source
from competitions.flight.io.reader import RawFiles
from competitions.flight.metrics import CUTOFF, CUTOFFS, LARGE, measure_ranks

COLUMNS = ("Id", "ranker_id", "selected")
SUBMISSION, SECOND = "submission", "submission_xgboost"
SHOWN = 3
LONGEST = max(CUTOFFS)

FORMAT = "a parquet file, or CSV in UTF-8 without a byte-order mark"
NAMES = f"the columns {','.join(COLUMNS)}, in this order"
INTEGERS = "Id and selected are whole numbers: no blank, no NaN, no decimal point, no leading + or 0"
AS_MANY = "as many rows as test.parquet"
SAME_ORDER = "the rows of test.parquet (Id and ranker_id), in its order"
PERMUTATION = "the ranks of a session of N options are 1 .. N, each once"
RULES = (FORMAT, NAMES, INTEGERS, AS_MANY, SAME_ORDER, PERMUTATION)


def write_submission(ranks: pl.Series, test: Path, folder: Path, name: str = SUBMISSION) -> tuple[Path, Path]:
    """Write ``ranks`` (1 is best; one per row of ``test``, in its order) as ``name``.parquet and ``name``.csv."""
    rows = open_source(test, labelled=False).collect("Id", "ranker_id")
    frame = rows.with_columns(ranks.cast(pl.Int64).alias("selected"))
    parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
    return write_whole(parquet, frame.write_parquet), write_whole(csv, frame.write_csv)


def check_submission(path: Path, files: RawFiles) -> Checked:
    """Read the file on disk and verify all ``RULES`` against test.parquet; a ``UserError`` names what is broken."""
    submission = _read_submission(path)
    _check_rows(path, submission, files)
    return Checked(path, submission.height, RULES)


def _read_submission(path: Path) -> pl.DataFrame:
    """Read a file as (``line`` or ``row``: where the row stands; Id, ranker_id, selected), the numbers as integers."""
    if path.suffix == ".parquet":
        return _read_parquet(path)
    if path.suffix != ".csv":
        raise UserError(f"{path} must end in .parquet or .csv; a submission is '{FORMAT}'")
    text = read_back(path, COLUMNS)
    refuse(path, find_rows(text, INTEGERS, ~are_whole("Id", "selected")))
    return text.with_columns(pl.col("Id", "selected").cast(pl.Int64))


def _read_parquet(path: Path) -> pl.DataFrame:
    refuse_folder(path, NAME_IT)
    try:
        frame = read_parquet(path)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as parquet ({describe_failure(error)}); {NAME_IT}") from error
    if tuple(frame.columns) != COLUMNS:
        raise UserError(f"{path}: '{NAMES}' is broken: its columns are {','.join(frame.columns)[:120]!r}")
    if not frame.height:
        raise UserError(f"{path} has columns but no rows")
    types = {name: str(dtype) for name, dtype in frame.schema.items()}
    if not (frame.schema["Id"].is_integer() and frame.schema["selected"].is_integer()):
        raise UserError(f"{path}: '{INTEGERS}' is broken: the types are {types}")
    if not isinstance(frame.schema["ranker_id"], pl.String | pl.Categorical | pl.Enum):  # pandas writes either
        raise UserError(f"{path}: '{SAME_ORDER}' is broken: ranker_id is {types['ranker_id']}, not text")
    frame = frame.with_row_index("row")
    numbers = pl.col("Id", "selected").cast(pl.Int64, strict=False)  # null beyond 2^63 - 1
    refuse(path, find_rows(frame, INTEGERS, pl.any_horizontal(numbers.is_null())))
    return frame.with_columns(numbers, pl.col("ranker_id").cast(pl.String))


def _check_rows(path: Path, submission: pl.DataFrame, files: RawFiles) -> None:
    expected = open_source(files.test, labelled=False).collect("Id", "ranker_id")
    violations = []
    if submission.height != expected.height:
        missing = expected.join(submission, on=["Id", "ranker_id"], how="anti", maintain_order="left")
        extra = submission.join(expected, on=["Id", "ranker_id"], how="anti", maintain_order="left")
        first = [f"{submission.height} rows for {expected.height}"]
        first += [f"missing Id {Id}" for Id in missing["Id"].head(SHOWN)]
        first += [f"unknown Id {Id}" for Id in extra["Id"].head(SHOWN)]
        violations.append(Violation(AS_MANY, abs(submission.height - expected.height), tuple(first)))
    else:
        violations += _find_moved(submission, expected)
    refuse(path, violations + _find_no_permutation(submission))


def _find_moved(submission: pl.DataFrame, expected: pl.DataFrame) -> list[Violation]:
    """Rows that are not the test file's row at the same index."""
    keys = ["Id", "ranker_id"]
    other = pl.any_horizontal(submission[key].ne_missing(expected[key]) for key in keys)
    moved = pl.select(other).to_series().arg_true()
    if not len(moved):
        return []
    number, row = submission.columns[0], moved[0]
    first = [f"{number} {submission[number][row]}: {submission.row(row)[1:3]} where {expected.row(row)} is expected"]
    if submission.select(keys).sort(keys).equals(expected.sort(keys)):
        first.append("all rows are there, but in the wrong order")
    return [Violation(SAME_ORDER, len(moved), tuple(first))]


def _find_no_permutation(submission: pl.DataFrame) -> list[Violation]:
    """Sessions whose ranks are not 1 .. N: N distinct whole numbers, the least 1 and the greatest N, are."""
    rank = pl.col("selected")
    broken = (
        submission.lazy()
        .group_by("ranker_id")
        .agg(pl.len(), rank.min().alias("low"), rank.max().alias("high"), rank.n_unique().alias("distinct"))
        .filter((pl.col("low") != 1) | (pl.col("high") != pl.col("len")) | (pl.col("distinct") != pl.col("len")))
        .sort("ranker_id")
        .collect()
    )
    first = tuple(
        f"session {session}: {distinct} distinct ranks from {low} to {high} on {size} rows"
        for session, size, low, high, distinct in broken.head(SHOWN).iter_rows()
    )
    return [Violation(PERMUTATION, broken.height, first)] if broken.height else []


def score_submission(path: Path, truth: Path, files: RawFiles | None = None) -> dict[str, float]:
    """Score a submission file against a truth file (Id, ranker_id of the booked options; further columns are ignored).

    ``hit_rate@k`` (k = 1, 3, 5, 10), ``mrr@10`` and ``hit_rate@3_error``, its standard error, are means over the
    ``sessions`` of more than 10 options that have an answer, ``hit_rate@3[11-27]`` over those of that many options,
    ``hit_rate@3[all sizes]`` over all that have an answer. ``files``: verify all ``RULES`` first. Without them the
    ranks alone are verified.
    """
    ranks = _rank_booked(path, truth, files)
    scored = ranks.filter(pl.col("size") > LARGE)["rank"]
    if not len(scored):
        raise UserError(f"{truth}: no session of more than {LARGE} options in {path} has an answer")
    scores = measure_ranks(ranks["rank"].to_numpy(), ranks["size"].to_numpy())
    scores["hit_rate@3_error"], scores["sessions"] = scores.pop("error"), float(scores.pop("searches"))
    scores[f"mrr@{LONGEST}"] = float((1 / scored.filter(scored <= LONGEST)).sum() / len(scored))
    return scores | {"hit_rate@3[all sizes]": float((ranks["rank"] <= CUTOFF).sum() / ranks.height)}


def score_queries(path: Path, truth: Path) -> pl.DataFrame:
    """What each scored session of a truth file earns by a submission file: query (text), score (1: among the three)."""
    ranks = _rank_booked(path, truth, None).filter(pl.col("size") > LARGE)
    return ranks.select(pl.col("query").cast(pl.String), score=(pl.col("rank") <= CUTOFF).cast(pl.Float64))


def _rank_booked(path: Path, truth: Path, files: RawFiles | None) -> pl.DataFrame:
    """The rank of every booked option of a truth file: size of the session, query, item, rank."""
    submission = _read_submission(path)
    if files is None:
        refuse(path, _find_no_permutation(submission))
    else:
        _check_rows(path, submission, files)
    answers = read_truth(truth, {"Id": pl.Int64, "ranker_id": pl.String}, "ranker_id")
    ranks = (
        submission.join(answers.select("ranker_id").unique(), on="ranker_id", how="semi")
        .with_columns(pl.len().over("ranker_id").alias("size"))
        .join(answers, on=["Id", "ranker_id"])
        .select("size", query="ranker_id", item="Id", rank="selected")
    )
    if ranks.height < answers.height:
        lost = answers.join(ranks, left_on="Id", right_on="item", how="anti", maintain_order="left")
        raise UserError(
            f"{truth}: {lost.height} booked option(s) are not rows of {path} (first: Id {lost['Id'][0]}, session "
            f"{lost['ranker_id'][0]}): they belong to different files"
        )
    return ranks
