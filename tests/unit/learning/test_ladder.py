"""What a ladder writes and shows, and what its rungs are said to cost."""

import inspect
import json
import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.day.record_schema import Row
from common.day.run_record import digest_files
from common.engine.errors import UserError
from common.engine.run import Result, Run, collect, derive
from competitions.learning import families
from competitions.learning import ladder as ladders
from competitions.learning.families import Family
from competitions.learning.ladder import BASE, BEFORE, GAIN, GAIN_ERROR, TABLE, Bench, Ladder, Rung
from tests.results import as_result
from tests.unit.common.day.records import write_run

Scored = tuple[pl.DataFrame, dict[str, float]]


class PlainBench(Bench[Any, list[Result[Any]]]):
    """Whose methods answer with what they score, and whose settings are what all begin with."""

    @property
    def given(self) -> list[Result[Any]]:
        """What all begin with."""
        return self.config

    def record(self, answer: Scored) -> Scored:
        """As it is."""
        return answer


def wait(seconds: float, _: str) -> float:
    time.sleep(seconds)
    return seconds


def add(values: list[float], more: float) -> float:
    return sum(values) + more


def put_score(each: list[float], more: dict[str, float], *made: float) -> Scored:
    return pl.DataFrame({"score": np.array(each, np.float64)}), more


def make_run(folder: Path) -> Run:
    return Run(folder / "run", folder / "cache")


def make_ladder(
    run: Run, *rungs: Rung, given: tuple[Result[Any], ...] = (), metric: str = "m", files: Any = ()
) -> Ladder:
    return Ladder("Two <methods>", metric, PlainBench(files, [*given], run), rungs)


def score_alike(bench: PlainBench, each: list[float], **columns: list[float]) -> Result[Scored]:
    return as_result((pl.DataFrame({"score": np.array(each, np.float64), **columns}), {}))


def make_rung(
    key: str, each: list[float], family: Family = families.RULE, below: str | None = None, **columns: list[float]
) -> Rung:
    return Rung(key, key, family, partial(score_alike, **columns), wait, (each,), below)


def fail(*_: object) -> Any:
    raise AssertionError


def climb(run: Run) -> list[Row]:
    """Two methods, of which the second needs a feature that is made first, beside the log with which all begin."""
    log = run.step(wait, 0.01, "log", name="log")
    price = run.step(wait, 0.02, "price", name="price")
    run.step(wait, 0.01, "age", name="age")

    def boost(bench: PlainBench) -> Result[Scored]:
        fitted = run.step(add, collect([price, log]), run.step(wait, 0.04, "fit", name="fit"), name="boost")
        run.step(wait, 0.05, "test.score", name="test.score")
        return derive(put_score, [0.3, 0.1], {"rounds": 7}, fitted)

    def count(bench: PlainBench) -> Result[Scored]:
        return derive(put_score, [0.2, 0], {"recall": 0.5}, run.step(wait, 0.03, "count", name="count"))

    popular = Rung("popular", "popularity", families.POPULARITY, count, wait)
    boosted = Rung("boosted", "boosting", families.BOOSTING, boost, wait)
    return make_ladder(run, popular, boosted, given=(log,), metric="MRR@5").climb()


def test_a_method_costs_the_steps_behind_its_answer_each_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = climb(run)
    cost = {step.name: step.seconds for step in run.timings if not step.kept}
    rises = {step.name: step.peak_mib - (step.base_mib or 0) for step in run.timings}
    assert rows[0]["seconds"] == cost["count"] >= 0.03
    assert rows[0][ladders.MEMORY] == rises["count"]  # beyond what the process held before it
    # Not the log, with which all begin, nor what the answer was not made of.
    assert rows[1]["seconds"] == pytest.approx(cost["price"] + cost["fit"] + cost["boost"])


def test_the_file_has_title_metric_and_rows_with_the_same_columns(tmp_path: Path) -> None:
    rows = climb(make_run(tmp_path))
    run = make_run(tmp_path)
    again = climb(run)  # which shows what the first one cost
    assert again == [row | {BEFORE: row["score"]} for row in rows]
    assert all(step.kept for step in run.timings)
    written = json.loads((tmp_path / "run" / TABLE).read_text())
    assert (written["title"], written["metric"], written["rows"]) == ("Two <methods>", "MRR@5", again)
    scored, paired = ["score", "error", "recall", "rounds"], [BASE, GAIN, GAIN_ERROR, BEFORE]
    names = ["rung", "title", "family", *scored, *paired, "seconds", ladders.MEMORY, ladders.CODE]
    assert [list(row) for row in rows] == [names] * 2
    error = pytest.approx(0.1 / 2**0.5)
    assert list(rows[0].values())[:-7] == ["popular", "popularity", "popularity", 0.1, error, 0.5, None]
    assert (rows[1]["rung"], rows[1]["rounds"]) == ("boosted", 7)
    assert (rows[1][GAIN], rows[1][GAIN_ERROR]) == (pytest.approx(0.1), None)  # two queries tell no error


def test_one_rung_is_measured_beside_the_one_that_it_builds_on_and_no_other(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    called: list[str] = []

    def score(bench: PlainBench, key: str, each: float) -> Result[Scored]:
        called.append(key)
        return score_alike(bench, [each, 0.0])

    each = {"a": 0.2, "b": 0.4, "c": 0.8, "d": 1.0}
    rungs = [Rung(key, key, families.RULE, score, wait, (key, each[key]), "a" if key == "c" else None) for key in each]
    ladder = make_ladder(run, *rungs)
    below, row = ladder.climb("c")
    assert called == ["a", "c"]
    assert (below["rung"], row["rung"], row[BASE], row[GAIN]) == ("a", "c", "a", pytest.approx(0.3))
    assert row[ladders.CODE] == f"tests/unit/learning/test_ladder.py:{inspect.getsourcelines(wait)[1]} wait"
    rows = ladder.climb()
    called.clear()
    ladder.climb("d")
    assert called == ["c", "d"]
    written = json.loads((run.folder / TABLE).read_text())["rows"]
    assert [row[GAIN] for row in written] == [row[GAIN] for row in rows]  # c keeps what it gains on a


def test_a_method_that_cannot_run_is_left_out_and_the_next_builds_on_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def lack(bench: PlainBench, each: list[float]) -> str | None:
        return None if each else "no text"

    scores: dict[str, list[float]] = {"a": [0.5], "b": [], "c": [0.5]}
    rungs = [Rung(key, key, families.RULE, score_alike, wait, (each,), lacks=lack) for key, each in scores.items()]
    ladder = make_ladder(Run(tmp_path / "run", tmp_path / "cache"), *rungs)
    assert [(row["rung"], row[BASE]) for row in ladder.climb()] == [("a", None), ("c", "a")]
    assert "b is left out: no text" in capsys.readouterr().err
    assert [(row["rung"], row[BASE]) for row in ladder.climb("c")] == [("a", None), ("c", "a")]
    assert "left out" not in capsys.readouterr().err
    with pytest.raises(UserError, match=r"The step 'b' cannot run here: no text\."):
        ladder.climb("b")


def test_a_rung_is_paired_with_the_one_that_it_builds_on_each_query_by_its_weight(tmp_path: Path) -> None:
    scores = {"a": [1.0, 0, 0, 0], "b": [1.0, 1, 0, 0.5], "c": [1.0, 0, 0, 0], "d": [1.0, 0, 0, 0.5]}
    below, weights = {"c": "a"}, [1.0, 1.0, 1.0, 2.0] * 100
    rungs = [make_rung(key, each * 100, below=below.get(key), weight=weights) for key, each in scores.items()]
    (tmp_path / "other").mkdir()  # what lies in build/ tells nothing of these methods
    write_run(tmp_path / "other" / "run", metric="m", fits=[0.1, 0.9], data={"digest": digest_files((), tmp_path)})
    rows = make_ladder(Run(tmp_path / "other" / "ladder", tmp_path / "cache"), *rungs).climb()
    gains = [row[GAIN] for row in rows]
    assert (gains[0], gains[1:]) == (None, pytest.approx([0.4, 0.0, 0.2]))
    assert [row[BASE] for row in rows] == [None, "a", "a", "c"]
    one = np.sqrt(0.4**2 + 0.6**2 + 0.4**2 + 0.2**2) / 5  # of four queries
    assert rows[1][GAIN_ERROR] == pytest.approx(one / 10, rel=0.02)
    together = [float(at // 2) for at in range(400)]
    wider = [make_rung(key, scores[key] * 100, cluster=together) for key in "ab"]
    error = make_ladder(make_run(tmp_path), *wider).climb()[1][GAIN_ERROR]
    assert error == pytest.approx(np.sqrt(2 * (1 - 0.75) ** 2) / 4 / 10, rel=0.02)  # a pair gains 1 or .5


def test_the_last_ladder_of_the_same_files_is_compared(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("1")
    run, files = make_run(tmp_path), [tmp_path / "log.csv"]

    def list_before(scores: dict[str, float], metric: str = "m") -> list[float | None]:
        rungs = [make_rung(key, [each]) for key, each in scores.items()]
        return [row[BEFORE] for row in make_ladder(run, *rungs, metric=metric, files=files).climb()]

    first, more = {"a": 0.25, "b": 0.5}, {"b": 0.125, "c": 1.0}
    assert list_before(first) == [None, None]
    assert list_before(more) == [0.5, None]
    assert list_before(more, "other metric") == [None, None]
    (tmp_path / "log.csv").write_text("22")
    assert list_before(more, "other metric") == [None, None]
    (run.folder / TABLE).write_text('{"metric": "m", "rows": 1')
    assert list_before(more) == [None, None]


def test_rows_stand_in_the_order_of_the_learning_path_whatever_was_measured_first(tmp_path: Path) -> None:
    kinds = {"net": families.DEEP, "trees": families.BOOSTING, "own": Family("mine", 99), "cf": families.NEIGHBOURS}
    ladder = make_ladder(make_run(tmp_path), *(make_rung(key, [0.5], family) for key, family in kinds.items()))
    rows = ladder.climb()
    assert [row["rung"] for row in rows] == ["cf", "trees", "net", "own"]
    assert [row[BASE] for row in rows] == ["own", "net", None, "trees"]  # "above" is as declared
    unlooked = [Rung(key, key, families.RULE, fail, wait, lacks=fail) for key in "ba"]
    with pytest.raises(UserError, match=r"no step 'e' on this ladder\. Its steps in order: b, a"):
        make_ladder(make_run(tmp_path), *unlooked, files=tmp_path / "no file").climb("e")


def test_each_family_has_the_number_of_its_rung_in_the_learning_path_and_a_formula() -> None:
    page = (ladders.ROOT / "competitions" / "LEARNING.md").read_text()
    titles = {
        int(number): title for number, title in re.findall(r"^### (?:Rung|Step) (\d+): (.+)$", page, re.MULTILINE)
    }
    known = [each for each in vars(families).values() if isinstance(each, Family)]
    assert {family.step for family in known} <= {*titles}
    differ = [families.CALIBRATION, families.RERANKING]  # each method has its own
    assert [family for family in known if not family.formula] == differ
    named = families.POPULARITY, families.NEIGHBOURS, families.FACTORS, *differ
    assert [family for family in named if family.name not in titles[family.step].lower()] == []
