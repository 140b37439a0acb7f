"""The score of a flight submission against a table computed by hand, and the truth files that are refused."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.flight import submission as submissions
from competitions.flight.io import reader
from tests.unit.flight.flight_rows import option, two_sessions, write_test, write_train

# Session: options, rank of the booked one. The host scores those of more than ten options; h has no answer.
SMALL = {"a": (10, 1), "b": (1, 1), "c": (10, 4)}
BOOKED = {**SMALL, "d": (11, 1), "e": (27, 4), "f": (28, 12), "g": (161, 2), "h": (12, 0), "i": (160, 7)}


@pytest.fixture
def scored(tmp_path: Path) -> tuple[Path, Path]:
    """A submission in which option i of a session has rank i, and its truth; session h has no answer."""
    submission, truth = tmp_path / "s.csv", tmp_path / "truth.csv"
    sizes = [(session, size, rank) for session, (size, rank) in BOOKED.items()]
    frame = pl.DataFrame(sizes, schema=["ranker_id", "size", "booked"], orient="row").with_columns(
        selected=pl.int_ranges(1, pl.col("size") + 1)
    )
    frame = frame.explode("selected", empty_as_null=True).with_row_index("Id").cast({"Id": pl.Int64})
    frame.select(submissions.COLUMNS).write_csv(submission)
    booked = frame.filter(pl.col("selected") == pl.col("booked")).select(pl.lit(9).alias("price"), "ranker_id", "Id")
    booked.reverse().write_csv(truth)
    return submission, truth


def test_the_score_is_that_of_the_table(scored: tuple[Path, Path]) -> None:
    """The ranks 1, 4, 12, 2, 7 of the sessions d, e, f, g, i count."""
    scores = submissions.score_submission(*scored)
    assert scores == pytest.approx(
        {
            "hit_rate@1": 1 / 5,
            "hit_rate@3": 2 / 5,
            "hit_rate@5": 3 / 5,
            "hit_rate@10": 4 / 5,
            "mrr@10": (1 + 1 / 4 + 1 / 2 + 1 / 7) / 5,
            "hit_rate@3_error": math.sqrt((2 * 0.6**2 + 3 * 0.4**2) / 4 / 5),
            "sessions": 5,
            "hit_rate@3[11-27]": 1 / 2,
            "hit_rate@3[28-160]": 0.0,
            "hit_rate@3[161+]": 1.0,
            "hit_rate@3[all sizes]": 4 / 8,
        }
    )


def change_truth(**values: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(**values)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda frame: frame.drop("Id"), "the header lacks 'Id'"),
        (lambda frame: frame.clear(), "has a header but no rows"),
        (change_truth(Id=pl.col("Id").replace(0, None)), "line 9: Id is blank"),
        (change_truth(ranker_id=pl.lit("g")), "line 3: ranker_id g is already on line 2"),
        (change_truth(ranker_id=pl.col("ranker_id").replace("a", "z")), "1 booked option(s) are not rows of"),
        (lambda frame: frame.filter(pl.col("ranker_id").is_in(["a", "b"])), "no session of more than 10 options"),
    ],
)
def test_a_truth_that_does_not_fit_is_refused(
    scored: tuple[Path, Path], change: Callable[[pl.DataFrame], pl.DataFrame], expected: str
) -> None:
    submission, truth = scored
    change(pl.read_csv(truth)).write_csv(truth)
    with pytest.raises(UserError) as caught:
        submissions.score_submission(submission, truth)
    assert expected in str(caught.value)
    assert str(truth) in str(caught.value)


def test_ranks_that_are_no_permutation_are_not_scored(scored: tuple[Path, Path]) -> None:
    submission, truth = scored
    pl.read_csv(submission).with_columns(selected=1).write_csv(submission)
    with pytest.raises(UserError, match=submissions.PERMUTATION):
        submissions.score_submission(submission, truth)


def test_with_the_raw_files_every_rule_is_verified_first(scored: tuple[Path, Path], tmp_path: Path) -> None:
    submission, truth = scored
    files = reader.RawFiles(write_train(tmp_path, two_sessions()), write_test(tmp_path, [option(0, "a")]))
    with pytest.raises(UserError, match=submissions.AS_MANY):
        submissions.score_submission(submission, truth, files)
    frame = pl.read_csv(submission)
    rows = [option(Id, session) for Id, session in frame.select("Id", "ranker_id").iter_rows()]
    write_test(tmp_path, rows)
    assert submissions.score_submission(submission, truth, files) == submissions.score_submission(submission, truth)
