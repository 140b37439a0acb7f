"""What changed from run to run: the partner is the run before the edit; two runs compared, and several beside one."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.day import compare
from common.day.compare import find_change
from common.day.difference import expect_difference, find_limit
from common.day.report.page import write_report
from common.engine.errors import UserError
from tests.unit.common.day.conftest import Make

WHOLE: dict[str, Any] = {"rank": {"rounds": 300, "negatives": "auto"}}
QUICK: dict[str, Any] = {"rank": {"rounds": 60, "negatives": 20}}


def say_change(run: Path) -> str:
    change = find_change(run)
    return "" if change is None else change.sentence


def code(digest: str, revision: str = "1") -> dict[str, Any]:
    return {"revision": revision, "changed": digest != "a", "files": {"common/f.py": digest, "common/g.py": "c"}}


def test_a_run_is_compared_with_the_one_before_its_edit_never_with_one_of_the_same(make: Make) -> None:
    make("0", [0.1], config=QUICK, code=code("a"))
    base = make("1", [0.2], config=WHOLE, code=code("a"))
    edit = make("2", [0.5], config=WHOLE, code=code("b"))
    said = "Against news/1 (code of f.py): +0.3000 on 1 common queries"
    assert say_change(edit).startswith(said)
    assert said in write_report(edit).read_text()
    # More fits of the edit, also when it was committed meanwhile, are beside the base again.
    again = make("3", [0.5], config=WHOLE | {"fits": 5, "fit_seed": 9}, code=code("b", "2"))
    assert compare.find_partner(again) == base
    make("4", [0.5], config=WHOLE | {"new": 1}, code=code("b", "2"))  # later, and no earlier run of "3"
    assert compare.find_partner(again) == base
    (make("5", [0.5], "flight", config=WHOLE, code=code("a")) / "run.json").write_text("damaged")
    assert compare.find_change(make("6", [0.5], "flight", config=WHOLE, code=code("a"))) is None
    other = make("7", [0.4], "mgtv", code=code("a", "1")), make("8", [0.4], "mgtv", code=code("a", "2"))
    assert compare.find_partner(other[1]) is None  # a commit is no change
    assert compare.compare(*other).warnings == []


def test_a_base_that_a_person_chose_rules_where_it_asks_the_same(make: Make, tmp_path: Path) -> None:
    far, near = make("1", [0.1], config=QUICK | {"new": 1}), make("2", [0.2], config=QUICK)
    last = make("4", [0.5], config=WHOLE)
    assert compare.find_partner(last) == near
    compare.choose_base(far)
    assert compare.find_partner(last) == far
    assert compare.find_partner(make("5", [0.5], config=WHOLE | {"more": 1}, base="2")) == near  # as of a blend
    elsewhere = make("3", [0.2], data={"digest": "cd"})
    compare.choose_base(elsewhere)
    assert compare.find_partner(last) == near  # it is of other files
    compare.choose_base(last)
    assert compare.find_partner(last) == near
    assert say_change(last).startswith("Against news/2 (rank.rounds 60 -> 300, rank.negatives 20 -> auto): ")


def test_of_many_settings_that_differ_some_are_named_and_the_others_counted(make: Make) -> None:
    make("1", [0.4], "flight", config={f"s{number}": number for number in range(5)})
    said = say_change(make("2", [0.4], "flight", config={f"s{number}": "x: y" * 20 for number in range(5)}))
    assert said.startswith("Against flight/1 (s0 0 -> x:y")
    assert " and 2 more): +0.0000 ± 0.0000 on 1 common queries, 0 of them" in said


@pytest.mark.parametrize(
    "more",
    [{"data": {"digest": "cd"}}, {"metric": "MRR@10"}, {"cv": {"digest": "of other queries"}}],
)
def test_runs_of_other_files_queries_or_another_metric_are_passed_over(make: Make, more: dict[str, Any]) -> None:
    make("1", [0.4], config=QUICK), make("2", [0.4], config=QUICK, **more)
    (make("3", [0.4], config=QUICK) / "run.json").write_text("damaged")
    assert "Against news/1 (" in say_change(make("4", [0.5], config=WHOLE))


def test_what_can_be_seen_is_known_from_the_fits_of_the_last_run_on_the_same_files(make: Make, tmp_path: Path) -> None:
    fits = np.random.default_rng(0).normal(size=(100, 3))
    expected = expect_difference(pl.read_parquet(make("1", fits) / "queries.parquet"))
    (
        make("2", [0.5]),
        make("3", fits * 2, overrides=["@competitions/news/quick.toml"]),
        make("4", fits, data={"digest": "cd"}),
    )
    build = tmp_path / "build" / "news"
    assert compare.find_reach(build, "abcdef", quick=False) == expected
    assert expected
    assert expected.reach == f"gains of {expected.smallest:.4f} and more would be clear here (8 times in 10)"
    assert compare.find_reach(build, "ef", quick=False) is None


# --- two runs side by side ---


def test_the_difference_is_taken_query_by_query(make: Make) -> None:
    runs = [make("a-1", [0.0, 1.0, 0.5, 0.0] * 10), make("a-2", [0.5, 1.0, 1.0, 0.0] * 10)]
    comparison = compare.compare(*runs)
    assert comparison.difference[:4] == (
        0.25,
        pytest.approx(0.25 / 40**0.5, rel=0.1),
        40,
        20,
    )  # gains .5, 0: deviation .25
    by_slice = {row["slice"]: row["B - A"] for row in comparison.tables[compare.SLICES]}
    assert by_slice == {"fold: all": 0.25, "parity: even": 0.5, "parity: odd": 0.0}
    assert comparison.warnings == []
    assert comparison.truth is None
    for run, scores in zip(runs, ([0.0, 1.0, 0.5] * 9, [0.5, 1.0, 0.0] * 9), strict=True):
        truth = pl.DataFrame({"query": range(27), "fold": "truth", "score": scores})
        truth.write_parquet(run / "truth.parquet")
    on_truth = compare.compare(*runs).truth
    assert on_truth  # beside that on validation
    assert on_truth[:4] == (0.0, pytest.approx((0.25 * 18) ** 0.5 / 27, rel=0.1), 27, 18)


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


def test_several_runs_stand_in_one_table_beside_a_base_and_count_each_other(make: Make) -> None:
    fits = np.random.default_rng(1).normal(size=(200, 3))
    base, better = make("a-0", fits), fits + 0.08 + np.random.default_rng(2).normal(0, 0.5, size=(200, 3))
    runs = [make(f"a-{1 + number}", better, config={"rank": {"rounds": number}}, note="mine") for number in range(9)]
    several, alone = compare.compare_all(base, runs), compare.compare_all(base, runs[:1])
    assert [(row["run B"], row["B - base"], row["error"]) for row in several[:1]] == [
        (row["run B"], row["B - base"], row["error"]) for row in alone
    ]
    assert 2 < alone[0]["B - base"] / alone[0]["error"] < find_limit(9)
    assert (alone[0]["verdict"][:10], several[0]["verdict"]) == ("clear gain", "within the noise")
    assert several[3]["it changes"] == "mine: seed 0 -> (not set), rank.rounds 5 -> 3"


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
