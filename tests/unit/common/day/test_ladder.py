"""What a ladder writes and shows, and what its rungs are said to cost."""

import inspect
import json
import math
import re
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.day.fit_noise import FitNoise, widen_error
from common.day.methods.families import (
    BLEND,
    BOOSTING,
    CONTENT,
    DEEP,
    FORMULAS,
    GENERATIVE,
    LANGUAGE,
    LINEAR,
    LOGIT,
    NEIGHBOURS,
    PATH,
    POPULARITY,
    QUANTISATION,
    RULE,
    SEQUENCE,
)
from common.day.methods.ladder import (
    BASE,
    BEFORE,
    CODE,
    FITS,
    GAIN,
    GAIN_ERROR,
    LISTS,
    MEMORY,
    ROOT,
    Ladder,
    Lists,
    Row,
    Rung,
    Scored,
)
from common.day.record_schema import RECORD
from common.day.run_record import digest_files
from common.engine.errors import UserError
from common.engine.run import Result, Run, collect


def wait(seconds: float, _: str) -> float:
    time.sleep(seconds)
    return seconds


def fill(mib: int) -> int:
    held = np.ones(mib << 17)
    time.sleep(0.3)  # so that the meter, which looks now and then, sees it
    return len(held)


def make_run(folder: Path) -> Run:
    return Run(folder / "run", folder / "cache", quiet=True)


def wait_and_score(run: Run, steps: dict[str, float], *each: float, **more: float) -> Scored:
    """Steps of these names and seconds, then a score a query."""
    made = [run.step(wait, seconds, name, name=name) for name, seconds in steps.items()]
    return Scored(np.array(each), None, more, None, made)


@dataclass(frozen=True)
class Features:
    price: Result[float]
    age: Result[float]


def add(values: list[float], more: float) -> float:
    return sum(values) + more


def climb(run: Run) -> list[Row]:
    """Two methods, of which the second needs two features that are made first, and one that all begin with."""
    log = run.step(wait, 0.01, "log", name="log")
    features = Features(price=run.step(wait, 0.02, "price", name="price"), age=run.step(wait, 0.02, "age", name="age"))
    run.step(wait, 0.01, "other", name="other")

    def boost() -> Scored:
        fitted = run.step(add, collect([features.price, log]), run.step(wait, 0.04, "fit", name="fit"), name="boost")
        run.step(wait, 0.05, "test.score", name="test.score")
        return Scored(np.array([0.3, 0.1]), None, {"rounds": 7}, None, [fitted])

    def count() -> Scored:
        return wait_and_score(run, {"count": 0.03}, 0.2, 0, recall=0.5)

    rungs = [
        Rung("popular", "popularity", "popularity", count, wait),
        Rung("boosted", "boosting", "gradient-boosted ranker", boost, fill),
    ]
    return Ladder(run, "Two <methods>", "MRR@5", (), rungs, lambda: [log]).climb()


def test_a_method_costs_the_steps_behind_its_result_each_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = climb(run)
    cost = {step.name: step.seconds for step in run.timings if not step.kept}
    assert rows[0]["seconds"] == cost["count"] >= 0.03
    # Not the log, with which all begin, the age, which it does not read, nor what nothing was made of.
    assert rows[1]["seconds"] == pytest.approx(cost["price"] + cost["fit"] + cost["boost"])


def test_the_file_has_title_metric_and_rows_with_the_same_columns(tmp_path: Path) -> None:
    rows = climb(make_run(tmp_path))
    run = make_run(tmp_path)
    again = climb(run)  # which shows what the first one cost
    assert again == [row | {BEFORE: row["score"]} for row in rows]
    assert all(step.kept for step in run.timings)
    written = json.loads((tmp_path / "run" / "ladder.json").read_text())
    assert (written["title"], written["metric"], written["rows"]) == ("Two <methods>", "MRR@5", again)
    paired = [BASE, GAIN, GAIN_ERROR, FITS, BEFORE]
    assert [list(row) for row in rows] == [
        ["rung", "title", "family", "score", "error", "recall", "rounds", *paired, "seconds", MEMORY, CODE]
    ] * 2
    error = pytest.approx(0.1 / 2**0.5)
    assert list(rows[0].values())[:-8] == ["popular", "popularity", "popularity", 0.1, error, 0.5, None]
    assert (rows[1]["rung"], rows[1]["rounds"]) == ("boosted", 7)


def list_one(key: str) -> Lists:
    queries = pl.Series("query", ["one", "two"])
    shown = pl.DataFrame({"query": ["one"], "rank": [1], "item": [key], "answer": [True]})
    return Lists(queries, shown.select("query", "rank"), shown)


def test_one_rung_is_measured_beside_the_one_that_it_builds_on_and_no_other(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    called: list[str] = []

    def rung(key: str, each: float, below: str | None = None) -> Rung:
        def score() -> Scored:
            called.append(key)
            return Scored(np.array([each, 0.0]), lists=list_one(key))

        return Rung(key, key, "rule", score, wait, below)

    rungs = [rung("a", 0.2), rung("b", 0.4), rung("c", 0.8, "a"), rung("d", 1.0)]
    ladder = Ladder(run, "t", "m", (), rungs)
    (row,) = ladder.climb("c")
    assert called == ["a", "c"]
    assert (row["rung"], row[BASE], row[GAIN]) == ("c", "a", pytest.approx(0.3))
    assert row[CODE] == f"tests/unit/common/day/test_ladder.py:{inspect.getsourcelines(wait)[1]} wait"
    assert sorted(path.stem for path in (run.folder / "rungs").iterdir()) == ["a", "c"]
    rows = ladder.climb()
    called.clear()
    ladder.climb("d")
    assert called == ["c", "d"]
    written = json.loads((run.folder / "ladder.json").read_text())["rows"]
    assert [row[GAIN] for row in written] == [row[GAIN] for row in rows]  # c keeps what it gains on a
    kept = pl.read_parquet(run.folder / LISTS / "d.parquet")
    assert kept.rows() == [("one", 1.0, 1.0, 1, ["* d"]), ("two", 0.0, 1.0, None, None)]
    assert (run.folder / LISTS / "d.before.parquet").exists()  # of the whole ladder, above
    Ladder(run, "t", "another metric", (), rungs).climb("a")
    assert [path.stem for path in (run.folder / "rungs").iterdir()] == ["a"]  # none of what was measured otherwise


def test_a_wrong_name_is_refused_before_anything_is_looked_at(tmp_path: Path) -> None:
    def fail() -> Scored:
        raise AssertionError

    def lack() -> str:
        raise AssertionError

    rungs = [Rung(key, key, "rule", fail, wait, lacks=lack) for key in "ab"]
    with pytest.raises(UserError, match=r"no step 'e' on this ladder\. Its steps in order: a, b"):
        Ladder(make_run(tmp_path), "t", "m", tmp_path / "no file", rungs).climb("e")


def test_a_method_that_cannot_run_is_left_out_and_the_next_builds_on_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rung(key: str, lacks: str | None = None) -> Rung:
        return Rung(key, key, "rule", lambda: Scored(np.array([0.5])), wait, lacks=lambda: lacks)

    ladder = Ladder(
        Run(tmp_path / "run", tmp_path / "cache"), "t", "m", (), [rung("a"), rung("b", "no text"), rung("c")]
    )
    assert [(row["rung"], row[BASE]) for row in ladder.climb()] == [("a", None), ("c", "a")]
    assert "b is left out: no text" in capsys.readouterr().err
    assert [(row["rung"], row[BASE]) for row in ladder.climb("c")] == [("c", "a")]
    assert "left out" not in capsys.readouterr().err
    with pytest.raises(UserError, match=r"The step 'b' cannot run here: no text\."):
        ladder.climb("b")


def test_a_rungs_memory_is_not_that_of_the_process_before_it(tmp_path: Path) -> None:
    run, held = make_run(tmp_path), np.ones(200 << 17)

    def score(mib: int) -> Scored:
        return Scored(held[:1], made_by=[run.step(fill, mib)])

    rungs = [Rung(f"{mib}", f"{mib} MiB", "rule", partial(score, mib), fill) for mib in (100, 1)]
    large, small = (row[MEMORY] for row in Ladder(run, "t", "m", (), rungs).climb())
    assert 90 < large < 190
    assert small < 50


def climb_pairs(run: Run, scores: dict[str, list[float]], metric: str = "m", files: object = ()) -> list[Row]:
    """Rungs of four queries each, of which the last counts twice; a name "b on a" says what b builds on."""
    rungs = [
        Rung(
            name,
            name,
            "rule",
            lambda each=each: Scored(np.array(each), np.array([1.0, 1, 1, 2])),  # type: ignore[misc]
            wait,
            builds_on=name.partition(" on ")[2] or None,
        )
        for name, each in scores.items()
    ]
    return Ladder(run, "t", metric, files, rungs).climb()


def test_a_rung_is_paired_with_the_one_that_it_builds_on(tmp_path: Path) -> None:
    scores = {"a": [1.0, 0, 0, 0], "b": [1.0, 1, 0, 0.5], "c on a": [1.0, 0, 0, 0], "d": [1.0, 0, 0, 0.5]}
    rows = climb_pairs(make_run(tmp_path), scores)
    assert [(row[BASE], row[GAIN]) for row in rows] == [(None, None), ("a", 0.4), ("a", 0.0), ("c on a", 0.2)]
    assert rows[1][GAIN_ERROR] == pytest.approx(np.sqrt(0.4**2 + 0.6**2 + 0.4**2 + 0.2**2) / 5)


def test_a_gain_counts_the_noise_of_the_fits_where_runs_on_these_files_tell_it(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("1")
    run, files = make_run(tmp_path), [tmp_path / "log.csv"]
    families = {"rule": "rule", "trees": "gradient-boosted ranker", "blend": "blend", "variety": "re-ranking"}

    def climb_families() -> list[tuple[float, int | None]]:
        scores = [partial(Scored, np.array([0.0, 0.5, 1.0, at / 10])) for at in range(len(families))]
        rungs = [
            Rung(key, key, family, score, wait) for score, (key, family) in zip(scores, families.items(), strict=True)
        ]
        return [(row[GAIN_ERROR], row[FITS]) for row in Ladder(run, "t", "MRR", files, rungs).climb()]

    plain = [error for error, _ in climb_families()]
    assert [counted for _, counted in climb_families()] == [None, 0, 0, None]
    for number, digest in enumerate((digest_files(files, run.cache), "of other files")):
        folder = run.folder.parent / f"run{number}"
        folder.mkdir()
        record = {"name": "news", "run": folder.name, "metric": "mrr", "config": {}}
        record |= {"cv": {"score": 0.5, "error": 0.1, "queries": 4}, "fits": [0.50, 0.52, 0.54][: 3 - number]}
        record |= {"data": {"folder": "", "simulated": True, "digest": digest}}
        (folder / RECORD).write_text(json.dumps(record))
    noise = FitNoise(0.02**2, 2, 3)
    assert climb_families() == [
        (plain[0], None),
        (pytest.approx(widen_error(plain[1], noise, (1, math.inf))), 3),
        (pytest.approx(widen_error(plain[2], noise, (1, 1))), 3),
        (plain[3], None),  # the fit is that of the rung above
    ]


def test_the_last_ladder_of_the_same_files_is_compared(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("1")
    run, files = make_run(tmp_path), [tmp_path / "log.csv"]

    def list_before(scores: dict[str, list[float]], metric: str = "m") -> list[float | None]:
        return [row[BEFORE] for row in climb_pairs(run, scores, metric, files)]

    first, more = {"a": [0.25] * 4, "b": [0.5] * 4}, {"b": [0.125] * 4, "c": [1.0] * 4}
    assert list_before(first) == [None, None]
    assert list_before(more) == [0.5, None]
    assert list_before(more, "other metric") == [None, None]
    (tmp_path / "log.csv").write_text("22")
    assert list_before(more, "other metric") == [None, None]
    (run.folder / "ladder.json").write_text('{"metric": "m", "rows": 1')
    assert list_before(more) == [None, None]


def test_rows_stand_in_the_order_of_the_learning_path_whatever_was_measured_first(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    families = {"net": "deep ranker", "trees": "gradient-boosted ranker", "own": "a family of mine", "cf": NEIGHBOURS}
    rungs = [Rung(key, key, family, lambda: wait_and_score(run, {}, 0.5), wait) for key, family in families.items()]
    rows = Ladder(run, "title", "MRR@5", (), rungs).climb()
    assert [row["rung"] for row in rows] == ["cf", "trees", "net", "own"]
    assert [row[BASE] for row in rows] == ["own", "net", None, "trees"]  # "above" is as declared
    with pytest.raises(UserError, match="in order: cf, trees, net, own"):
        Ladder(run, "title", "MRR@5", (), rungs).climb("als")


def test_each_family_has_the_number_of_its_rung_in_the_learning_path() -> None:
    page = (ROOT / "competitions" / "LEARNING.md").read_text()
    titles = {
        int(number): title for number, title in re.findall(r"^### (?:Rung|Step) (\d+): (.+)$", page, re.MULTILINE)
    }
    words = {
        POPULARITY: "popularity", RULE: "popularity", LOGIT: "choice models", BOOSTING: "gradient-boosted rankers",
        DEEP: "deep rankers", BLEND: "blends", GENERATIVE: "generative", QUANTISATION: "serve", CONTENT: "content",
        SEQUENCE: "sequence", LANGUAGE: "language", LINEAR: "factorisation",
    }  # fmt: skip
    for family, number in PATH.items():
        assert words.get(family, family) in titles[number].lower()


def test_each_family_but_those_whose_methods_differ_has_a_formula() -> None:
    assert set(PATH) - set(FORMULAS) == {"calibration", "re-ranking"}
