"""The closing summary: scores and ladder by hand, notes of all days pooled, days side by side, the plain summary."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.io.submission import Checked
from common.learning.conditional_logit import Logit
from common.learning.gbdt import Ranker
from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.day.judged import pool_notes, summarise
from competitions.mgtv.io import reader
from competitions.mgtv.metrics import Measured, judge, measure, pool_ladder, sum_up
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.completion import Bins, Completion
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import ANSWERS, PICKS, ExpectedReward, Predictions
from competitions.mgtv.pipeline import DayModels, Outcome, Prepared, RawTables
from competitions.mgtv.split import Plan, Slates
from tests.unit.mgtv.mgtv_world import Floats, as_result, make_day

NONE = np.empty(0)


def reward(rate: list[float], expected: list[float]) -> ExpectedReward:
    return ExpectedReward(np.array(rate), np.array(expected), np.array(rate) + 1, np.array(rate) + 2)


def predict(day: DayFeatures, rate: list[float], expected: list[float], scores: Floats = NONE) -> Predictions:
    return Predictions(day, scores, reward(rate, expected))


# --- scores ---


def test_scores_are_summed_up_by_hand() -> None:
    scores = sum_up(np.array([1.0, 0, 1, 1]), np.array([0.5, 0, 1.0, 0.1]))
    assert scores["score"] == pytest.approx(0.4)
    assert scores["error"] == pytest.approx(((0.1**2 + 0.4**2 + 0.6**2 + 0.3**2) / 4 / 4) ** 0.5)
    assert scores["hit_rate"] == 0.75
    assert scores["score_of_hits"] == pytest.approx(1.6 / 3)
    assert sum_up(np.zeros(2), np.zeros(2))["score_of_hits"] == 0


def ladder_of(*scores: float) -> dict[tuple[str, str], tuple[Floats, Floats]]:
    """Devices that earn this in the last cell, half of it in the cell before, and so on; a hit earns anything."""
    cells = [(picked, answered) for picked in PICKS for answered in ANSWERS]
    earned = [np.array(scores) / 2**back for back in range(len(cells))][::-1]
    return {cell: ((values > 0).astype(float), values) for cell, values in zip(cells, earned, strict=True)}


def test_the_ladder_pools_devices_not_days() -> None:
    rows = pool_ladder([ladder_of(1.0), ladder_of(0.0, 0.0, 0.5)])
    assert [row["pick"] for row in rows] == list(PICKS)
    assert [list(row) for row in rows] == [["pick", "hit_rate", *ANSWERS]] * 3
    assert [row["hit_rate"] for row in rows] == [0.5] * 3
    mean = 1.5 / 4
    cells = [row[answered] for row in rows for answered in ANSWERS]
    assert cells == pytest.approx([mean / 2**back for back in range(len(cells))][::-1])


def test_the_decision_weighs_what_is_expected_and_days_by_their_devices() -> None:
    day = make_day([2, 2], [0, 1], rates=[0.5, np.nan, np.nan, 0.2])
    probabilities = np.array([0.4, 0.6, 0.5, 0.5])
    predictions = [predict(day, [0.5, 0.1, 0.3, 0.0], [0.9, 0.5, 0.5, 0.6])]
    scores = judge(predictions, [probabilities])
    assert scores["hit_rate"] == 1
    assert scores["score"] == pytest.approx(0.75)
    assert scores["log_likelihood"] == pytest.approx(np.log([0.4, 0.5]).mean())
    # Days count by their devices.
    few, many = make_day([2], [0]), make_day([2, 2, 2], [0, 0, 1])
    one, other = np.array([0.9, 0.1]), np.array([0.2, 0.8] * 3)
    predictions = [predict(few, [1.0] * 2, [1.0] * 2), predict(many, [1.0] * 6, [1.0] * 6)]
    scores = judge(predictions, [one, other])
    assert scores["hit_rate"] == scores["score"] == 0.5
    assert scores["log_likelihood"] == pytest.approx(np.log([0.9, 0.2, 0.2, 0.8]).mean())


def test_each_model_the_blend_and_each_day_are_measured() -> None:
    rng = np.random.default_rng(0)
    days = [make_day([3] * 40, rng.integers(0, 3, 40).tolist(), rates=rng.random(120) + 0.1, day=day) for day in (7, 8)]
    scores = [np.column_stack([day.rows.labels * 2 + rng.normal(size=120), rng.normal(size=120)]) for day in days]
    draw, pairs = rng.random, zip(days, scores, strict=True)
    predictions = [predict(day, draw(120).tolist(), (draw(120) / 2 + 0.5).tolist(), own) for day, own in pairs]
    mixed = click_ranker.mix_across(days, scores, ["one", "two"], 0.01)
    measured = measure(predictions, mixed, ["one", "two"], 3)
    assert list(measured.models) == ["one", "two", "blend"]
    second = click_ranker.mix_across(days, [score[:, 1:] for score in scores], ["two"], 0.0)
    assert measured.models["two"] == judge(predictions, second)
    assert measured.models["blend"] == measured.final == judge(predictions, mixed)
    assert measured.models["one"]["hit_rate"] > measured.models["two"]["hit_rate"] + 0.2
    paired = list(zip(predictions, mixed, strict=True))
    assert measured.days == {part.day.day: judge([part], [own]) for part, own in paired}
    assert measured.days[7] != measured.days[8]
    climbed = [decision.climb(part.day, own, part.rewards, 3) for part, own in paired]
    assert measured.ladder == pool_ladder(climbed)


# --- a run by hand ---

FEATURES = {"device_days": [np.nan, np.nan, 2.0, 2.0, 2.0, 2.0, 2.0]}
TRAIN = make_day([2, 1, 4], [1, 0, 0], FEATURES, [0.1, 0.5, 0.9, 0.1, 0.1, np.nan, 0.2], queries=3, day=5)
VALID = make_day([2], [0], {"device_days": [1.0, 1.0]}, [0.0, np.nan], day=6)
TEST = make_day([1, 3, 2], [0, 0, 0], {"device_days": [np.nan, 1, 1, 1, 1, 1]}, [np.nan] * 6, queries=4, day=7)
TEST = replace(TEST, rows=replace(TEST.rows, labels=np.zeros(6, np.float32)))
SLATES = Slates(
    7,
    pl.DataFrame({"query": [0, 1, 2, 3], "device": [3, 1, 0, 2]}),
    pl.DataFrame({"query": [0, 1, 1, 1, 3, 3], "device": [3, 1, 1, 1, 2, 2], "video": [0, 0, 1, 2, 2, 1]}),
)
CODES = reader.Codes(pl.DataFrame({"did": ["a", "b", "c", "d"]}), pl.DataFrame({"vid": [10, 20, 30]}))


def blend_of(*weights: float) -> Logit:
    columns, plain = np.arange(len(weights)), np.zeros(len(weights), np.float32)
    return Logit(plain, plain + 1, columns, columns[:0], np.array(weights), 1)


def day_log(day: int, *plays: float, notes: tuple[reader.Note, ...]) -> reader.Day:
    frame = pl.DataFrame({"day": [day] * len(plays), "video": [0] * len(plays), "play": plays})
    return reader.Day(frame.cast({"video": pl.Int32}), None, notes)


@pytest.fixture
def outcome() -> Outcome:
    def note(what: str, rows: int, file: str = "f") -> reader.Note:
        return reader.Note(file, what, rows, "kept")

    lengths = pl.DataFrame({"video": [0], "duration": [10.0]}, schema={"video": pl.Int32, "duration": pl.Float32})
    tables = RawTables(
        as_result(CODES),
        as_result(reader.Videos(lengths, (note("blank", 1, "videos"),))),
        as_result(reader.Profiles(pl.DataFrame(), (note("blank", 2, "profiles"),))),
        as_result(reader.Comments(pl.DataFrame(), (note("blank", 3, "comments"),), "no comment is read")),
        [
            as_result(day_log(5, 11.0, 9.0, notes=(note("odd", 4, "day5"), reader.Note("day5", "odd", 1, "left out")))),
            as_result(day_log(6, 12.0, 13.0, notes=(note("odd", 5, "day6"), note("rare", 6, "day6")))),
        ],
        as_result(reader.Test(pl.DataFrame(), pl.DataFrame(), (note("blank", 7, "test"),))),
    )
    prepared = Prepared(
        tables=tables,
        config=COMPETITION.load_config([]),
        decisions=(),
        sources=as_result(None),
        plan=Plan((5,), (6,), 7, 1),
        slates={},
        labelled={5: as_result(TRAIN), 6: as_result(VALID)},
        test_slates=as_result(SLATES),
    )
    files = reader.RawFiles((), Path(), None, (), Path(), Path(), "B", (note("gap", 1, "folder"),))
    rankers = [as_result(Ranker("lightgbm_softmax", None, 5, {"a": 5.0, "b": 3.0}))]
    completion = Completion(Bins(NONE, NONE, NONE, NONE), None, (), 9)
    scores = {"score": 0.3, "error": 0.01, "hit_rate": 0.5, "score_of_hits": 0.6, "log_likelihood": -1.0}
    measured = Measured({"one": scores, "blend": scores}, [{"pick": "random"}], {6: scores}, scores)
    test_scores = np.array([[0.0], [1.0], [0.0], [0.5], [0.0], [9.0]])
    early = DayModels(rankers, as_result(completion))
    return Outcome(
        files=files,
        config=COMPETITION.load_config([]),
        ready=prepared,
        early=early,
        final=early,
        valid=[],
        test=as_result(predict(TEST, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [1.0] * 6, test_scores)),
        blend=as_result(blend_of(1.0)),
        mixed=as_result([]),
        measured=as_result(measured),
        checked=Checked(Path("x") / "result.csv", 4, ("rule",)),
    )


def test_notes_of_all_days_are_pooled_and_others_kept(outcome: Outcome) -> None:
    rows = [(note.file, note.what, note.rows, note.done) for note in pool_notes(outcome)]
    assert rows == [
        ("folder", "gap", 1, "kept"),
        ("videos", "blank", 1, "kept"),
        ("profiles", "blank", 2, "kept"),
        ("comments", "blank", 3, "kept"),
        ("test", "blank", 7, "kept"),
        ("the logs of all days", "odd", 9, "kept"),
        ("the logs of all days", "odd", 1, "left out"),
        ("the logs of all days", "play longer than its video", 3, "kept"),
        ("the logs of all days", "rare", 6, "kept"),
    ]


def test_the_summary_is_plain_and_says_what_came_of_the_run(outcome: Outcome) -> None:
    summary = summarise(outcome)
    assert json.loads(json.dumps(summary)) == summary
    assert (summary["cv"]["score"], summary["cv"]["devices"]) == (0.3, 1)
    assert list(summary["models"]) == ["one", "blend"]
    assert summary["by_day"] == {"6": summary["models"]["blend"]}
    assert summary["rounds"] == {"lightgbm_softmax": 5, "completion": 9}
    assert summary["blend"] == {"models": ["lightgbm_softmax"], "weights": {"lightgbm_softmax": 1.0}}
    assert summary["gains"] == {"a": 0.625, "b": 0.375}
    assert summary["board"] == "B"
    assert summary["submission"] == {"path": str(Path("x/result.csv")), "rows": 4}
