"""What changed from run to run: against the last run of like settings, else with what differs; two runs compared."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from common.day import compare
from common.day.compare import find_change
from common.day.report.page import write_report
from common.engine.errors import UserError
from tests.unit.common.day.conftest import Make

WHOLE: dict[str, Any] = {"rank": {"rounds": 300, "negatives": "auto"}}
QUICK: dict[str, Any] = {"rank": {"rounds": 60, "negatives": 20}}


def say_change(run: Path) -> str:
    change = find_change(run)
    return "" if change is None else change.sentence


def test_a_run_is_compared_with_the_one_that_is_most_like_it(make: Make) -> None:
    make("1", [0.1], config=QUICK), make("2", [0.2], config=QUICK), make("3", [0.9], config=WHOLE)
    after = make("4", [0.5], config=QUICK)
    make("5", [0.6], config=QUICK)  # as like, and later
    said = "Against news/2 (nothing changed): +0.3000 ± "
    assert say_change(after).startswith(said)
    assert said in write_report(after).read_text()


def test_the_settings_that_differ_are_named_and_many_are_counted(make: Make) -> None:
    make("1", [0.9], config=WHOLE)
    said = say_change(make("2", [0.5], config=QUICK))
    assert said.startswith("Against news/1 (rank.rounds 300 -> 60, rank.negatives auto -> 20): -0.4000 ± ")
    make("1", [0.4], "flight", config={f"s{number}": number for number in range(5)})
    said = say_change(make("2", [0.4], "flight", config={f"s{number}": "x: y" * 20 for number in range(5)}))
    assert said.startswith("Against flight/1 (s0 0 -> x:y")
    assert " and 2 more): +0.0000" in said


@pytest.mark.parametrize(
    "more",
    [{"data": {"digest": "cd"}}, {"metric": "MRR@10"}, {"cv": {"digest": "of other queries"}}],
)
def test_runs_of_other_files_queries_or_another_metric_are_passed_over(make: Make, more: dict[str, Any]) -> None:
    make("1", [0.4]), make("2", [0.4], **more)
    (make("3", [0.4]) / "run.json").write_text("damaged")
    assert "Against news/1 (nothing changed): " in say_change(make("4", [0.5]))


# --- two runs side by side ---


def test_the_difference_is_taken_query_by_query(make: Make) -> None:
    runs = [make("a-1", [0.0, 1.0, 0.5, 0.0] * 10), make("a-2", [0.5, 1.0, 1.0, 0.0] * 10)]
    comparison = compare.compare(*runs)
    assert comparison.difference[:4] == (0.25, pytest.approx(0.25 / 40**0.5), 40, 20)  # gains .5, 0: deviation .25
    by_slice = {row["slice"]: row["B - A"] for row in comparison.tables[compare.SLICES]}
    assert by_slice == {"fold: all": 0.25, "parity: even": 0.5, "parity: odd": 0.0}
    assert comparison.warnings == []
    assert comparison.truth is None
    for run, scores in zip(runs, ([0.0, 1.0, 0.5], [0.5, 1.0, 0.0]), strict=True):
        truth = pl.DataFrame({"query": ["x", "y", "z"], "fold": "truth", "score": scores})
        truth.write_parquet(run / "truth.parquet")
    assert compare.compare(*runs).truth[:4] == (0.0, pytest.approx(0.2357, abs=1e-4), 3, 2)  # beside that on validation


def test_slices_count_won_and_lost_are_weighted_and_tell_no_fold_twice(make: Make) -> None:
    before, after = [0.2, 0.5, 0.5, 1.0, 0.0, 0.0], [0.5, 0.2, 0.5, 0.0, 0.5, 0.0]  # won, lost, equal, lost, won, equal
    runs = [make("b-1", before * 7), make("b-2", after * 7)]
    slices = compare.compare(*runs).tables[compare.SLICES]
    assert {row["slice"]: (row["won"], row["lost"], row["queries"]) for row in slices} == {
        "fold: all": (14, 14, 42),
        "parity: even": (14, 0, 21),
        "parity: odd": (0, 14, 21),
    }
    assert compare.compare(make("c-1", before), make("c-2", after)).tables[compare.SLICES] == []  # of six queries
    for run in runs:
        path = run / "queries.parquet"
        frame = pl.read_parquet(path).with_columns(fold=pl.col("parity"), weight=pl.Series([2.0, 1, 1, 1, 0, 1] * 7))
        frame.rename({"parity": "day"}).write_parquet(path)
    by_slice = {row["slice"]: row["B - A"] for row in compare.compare(*runs).tables[compare.SLICES]}
    assert by_slice == {"fold: even": pytest.approx(0.6 / 3), "fold: odd": pytest.approx(-1.3 / 3)}


def test_settings_features_and_models_that_differ_are_named(make: Make) -> None:
    plans = [
        {"plan": [{"setting": "rank.negatives", "value": value, "why": ""}, {"setting": "n", "value": "5"}]}
        for value in "ab"
    ]
    other = {"config": {"seed": 1, "rank": {"rounds": 5, "new": True}}, "features": ["g"]}
    one, two = make("a-1", [0.5], summary=plans[0]), make("a-2", [0.5], summary=plans[1], **other)
    comparison = compare.compare(one, two)
    assert comparison.tables[compare.DECISIONS] == [{"setting": "rank.negatives", "A": "a", "B": "b"}]
    settings = [("seed", "0", "1"), ("rank.new", "(not set)", "True")]
    assert [tuple(row.values()) for row in comparison.tables[compare.SETTINGS]] == settings
    assert [tuple(row.values()) for row in comparison.tables[compare.FEATURES]] == [("f", "A"), ("g", "B")]
    assert [row["score"] for row in comparison.tables[compare.SCORES]] == ["CV", "m"]


def test_what_makes_runs_hard_to_compare_is_said(make: Make) -> None:
    own = {"simulated": False}
    code = {"revision": "1234", "changed": True, "files": {f"{n}.py": "" for n in range(9)}}
    one = make("a-1", [0.5], data=own, threads={"openmp": 1})
    two = make("a-2", [0.5, 0.0], data=own | {"digest": "x"}, code=code, threads={"openmp": 2})
    quick = make("a-3", [0.5], data=own, overrides=["@competitions/news/quick.toml"], threads={"openmp": 1})
    said = "B is a quick run, the other is not: the scores differ by that"
    assert compare.compare(one, quick).warnings == [said]
    files, queries, changed, threads = compare.compare(one, two).warnings
    assert "raw files differ" in files
    assert "only 1 of the validation queries" in queries
    assert changed == "the code differs, in 0.py, 1.py, 2.py and 6 more"
    assert "A was computed with threads openmp 1, B with openmp 2" in threads


def test_runs_that_cannot_be_compared_are_refused_in_one_sentence(make: Make) -> None:
    one, simulated = make("a-1", [0.5]), {"digest": "x", "folder": "seed1"}
    nobody, damaged = make("a-2", [0.5]), make("a-3", [0.5])
    path = nobody / "queries.parquet"
    pl.read_parquet(path).with_columns(query=pl.lit("nobody")).write_parquet(path)
    (damaged / "queries.parquet").write_bytes(b"PAR1")
    for other, words in (
        (make("a-4", [0.5], "flight"), r"a run of news, .* of flight"),
        (make("a-5", [0.5], data=simulated), r"are of different files .*seed1"),
        (make("a-6", [0.5], metric="MRR@10"), r"is scored by MRR@5, .* is scored by MRR@10"),
        (nobody, "have no validation query in common"),
        (damaged, r"queries\.parquet cannot be read"),
    ):
        with pytest.raises(UserError, match=words):
            compare.compare(one, other)
