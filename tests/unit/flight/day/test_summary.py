"""The closing summary: shares of sessions by hand, gains, and what goes into summary.json."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from common.engine.decisions import Decision
from common.engine.run import Result
from common.io.submission import Checked
from common.learning.dataset import RankingDataset
from common.learning.gbdt import Ranker
from competitions.flight.day.summary import (
    GAINS_SHOWN,
    compare_folds,
    count_sessions,
    describe_plan,
    describe_sessions,
    rank_gains,
    summarise,
)
from competitions.flight.io.reader import Note, RawFiles, Searches
from competitions.flight.pipeline import Outcome
from competitions.flight.plan import Features, Plan
from competitions.flight.ranking.blending import Blend
from competitions.flight.ranking.cross_validation import CrossFit
from competitions.flight.ranking.rankers import Choice
from competitions.flight.ranking.training_data import FoldData, TrainingData
from competitions.flight.split import DAY_MS, Split, split_by_time, split_folds, take_test_snapshot
from tests.unit.flight.flight_world import START, Search, make_searches, option, search

BLEND = Blend((1.0, 2.0))
PLAIN, PAST = Features("no bookings", ("core",)), Features("past bookings", ("core", "lift"), "taste_total")
DECIDED = (Decision("split.validation", "3 folds", "few sessions"), Decision("trees", "12 leaves", "5 sessions"))


def kept(value: Any) -> Result[Any]:
    return Result("key", lambda: value)


def sized(size: int, tariff: int | None = 9, **columns: Any) -> Search:
    return search(*[option(tariff=tariff)] * size, **columns)


@pytest.fixture
def train() -> Searches:
    made = make_searches(
        sized(2, day=0, profile=1, route=1),
        sized(12, day=1, profile=2, route=2, round_trip=False),
        sized(3, day=2, booked=None, profile=3, route=4),
        sized(11, day=8, profile=1, route=4, tariff=None),
        sized(10, day=9, profile=3, route=None, by_self=False),
        sized(30, day=9, profile=2, route=1, by_self=None),
    )
    return Searches(made.sessions, made.options, (Note("train.parquet", "odd", 3, "kept"),))


@pytest.fixture
def test() -> Searches:
    return make_searches(sized(20, day=12, profile=9, route=2, tariff=None), sized(1, day=12, profile=2, route=1))


def plan(*features: Features) -> Plan:
    return Plan("time", 1, 1, features, ("one", "two"), {}, 40, 1, DECIDED)


def judge(*sessions: list[int]) -> TrainingData:
    """Folds that judge these sessions; of all else in them there is nothing."""
    empty = RankingDataset(("x",), np.zeros((0, 1), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))
    folds = (FoldData(empty, empty, np.array(numbers)) for numbers in sessions)
    return TrainingData(empty, np.array([0, 1, 3, 4, 5]), tuple(folds))


@pytest.fixture
def outcome(train: Searches, test: Searches) -> Outcome:
    split: Split = split_by_time(train.sessions, [START + 5 * DAY_MS], 7, "x")
    gains = ({"a": 1.0, "b": 3.0}, {"a": 0.0, "b": 0.0}, {"a": 100.0})
    rankers = [Ranker("logit", None, rounds, gain) for rounds, gain in zip((6, 7, 5), gains, strict=True)]
    crosses = [kept(CrossFit((ranker,), ranker.rounds, (), (), "")) for ranker in rankers]
    measured = [{"hit_rate@3": rate, "error": rate / 10} for rate in (0.1, 0.2, 0.3, 0.5)]
    checked = [Checked(Path("x") / name, 21, ("rule",)) for name in ("submission.parquet", "submission.csv")]
    return Outcome(
        files=RawFiles(Path("train.parquet"), Path("test.parquet")),
        train=kept(train),
        test=kept(test),
        plan=plan(PLAIN),
        choice=Choice(PLAIN, {}),
        split=kept(split),
        log=kept(None),
        data=kept(judge([3, 4, 5])),
        names=["one", "two", "baseline"],
        crosses=crosses,
        final_rankers=[kept(ranker) for ranker in rankers],
        scores=kept(None),
        blend=kept(BLEND),
        measured=kept(measured),
        snapshots=kept(take_test_snapshot(train.sessions, test.sessions, False, 7)),
        history=kept(None),
        test_scores=kept(None),
        checked=checked,
    )


def test_sessions_side_by_side_by_hand(outcome: Outcome) -> None:
    rows = compare_folds(outcome)
    assert list(rows[0]) == ["what", "train", "validation", "test"]
    table = {row["what"]: (row["train"], row["validation"], row["test"]) for row in rows}
    third = pytest.approx(1 / 3)
    two_thirds = pytest.approx(2 / 3)
    assert table == {
        "sessions": (2, 3, 2),
        "options, quarter": (2, 11, 1),
        "options, median": (7, 11, 10.5),
        "options, three quarters": (12, 30, 20),
        "more than 10 options": (0.5, two_thirds, 0.5),
        "round trip": (0.5, 1, 1),
        "booked by oneself": (1, 0.5, 1),
        "corporate fares on offer": (1, two_thirds, 0.5),
        "traveller in training": (1, two_thirds, 0.5),  # the third is known from a session without a booking only
        "route in training": (1, third, 1),
    }


def test_of_no_sessions_shares_are_zero(train: Searches) -> None:
    shares = describe_sessions(train.sessions.head(0), train.sessions)
    assert shares["sessions"] == 0
    assert shares["round trip"] == shares["more than 10 options"] == shares["route in training"] == 0


def test_sessions_are_counted_by_what_becomes_of_them(outcome: Outcome) -> None:
    """All with a booking train in the end; one that repeated folds judge several times counts once."""
    counts = {"train": 5, "unused": 1, "valid": 3, "valid_scored": 2, "test": 2}
    assert count_sessions(outcome) == counts
    assert count_sessions(replace(outcome, data=kept(judge([3, 4], [5], [4], [5, 3])))) == counts


def test_of_several_folds_the_last_stands_beside_the_test(outcome: Outcome, train: Searches) -> None:
    split = split_folds(train.sessions, 5, 2, 0)
    rows = compare_folds(replace(outcome, split=kept(split)))
    held = split.folds[-1].roles.filter(role="valid")["session"].item()
    table = {row["what"]: (row["train"], row["validation"]) for row in rows}
    assert table["sessions"] == (4, 1)
    assert table["options, median"][1] == train.sessions["size"][held]


# --- what was decided from the log ---


def test_every_decision_is_a_row(outcome: Outcome) -> None:
    rows = [
        {"setting": "split.validation", "value": "3 folds", "why": "few sessions"},
        {"setting": "trees", "value": "12 leaves", "why": "5 sessions"},
    ]
    assert describe_plan(outcome) == rows
    chosen = replace(
        outcome, plan=plan(PLAIN, PAST), choice=Choice(PAST, {"no bookings": -2.5, "past bookings": -2.25})
    )
    *first, last = describe_plan(chosen)
    assert first == rows
    assert (last["setting"], last["value"]) == ("rank.blocks", "core lift")
    assert "no bookings -2.5000, past bookings -2.2500" in last["why"]
    assert summarise(chosen)["plan"] == describe_plan(chosen)


# --- the whole ---


def test_the_baseline_is_a_rung_where_it_was_fitted_and_no_part_of_the_blend(outcome: Outcome) -> None:
    assert outcome.rungs == ["one", "two", "baseline", "blend"]
    measured = outcome.measured.value
    alone = replace(
        outcome, names=["one", "two"], crosses=outcome.crosses[:2], measured=kept([*measured[:2], *measured[3:]])
    )
    assert list(summarise(alone)["models"]) == ["one", "two", "blend"]
    for each in (outcome, alone):
        assert summarise(each)["blend"]["models"] == ["one", "two"]
        assert summarise(each)["gains"] == {"b": 0.375, "a": 0.125}


def test_gains_are_mean_shares_the_largest_first() -> None:
    one, two = (Ranker("logit", None, 1, gain) for gain in ({"a": 1.0, "b": 3.0}, {"b": 0.0, "c": 2.0}))
    assert list(rank_gains([one, two]).items()) == [("c", 0.5), ("b", 0.375), ("a", 0.125)]
    assert rank_gains([Ranker("logit", None, 1, {"a": 0.0})]) == {"a": 0}
    assert rank_gains([]) == {}
    many = Ranker("logit", None, 1, {str(number): float(number) for number in range(GAINS_SHOWN + 5)})
    assert list(rank_gains([many])) == [str(number) for number in range(GAINS_SHOWN + 4, 4, -1)]


def test_the_summary_is_plain_and_says_what_came_of_the_run(outcome: Outcome) -> None:
    summary = summarise(outcome)
    assert json.loads(json.dumps(summary)) == summary
    odd, apart = summary["notes"]
    assert odd == {"file": "train.parquet", "what": "odd", "rows": 3, "done": "kept"}
    assert apart["what"] == "sessions that look back on 5 bookings where validation looks back on 2"
    bookings = summary["folds"][-1]
    assert (bookings["what"], bookings["validation"], bookings["test"]) == ("bookings looked back on, mean", 2, 5)
    assert summary["cv"] == {"hit_rate@3": 0.5, "error": 0.05, "queries": count_sessions(outcome)}
    assert list(summary["models"]) == ["one", "two", "baseline", "blend"]
    assert summary["models"]["blend"]["hit_rate@3"] == 0.5
    assert summary["rounds"] == {"one": 6, "two": 7, "baseline": 5}
    assert summary["blend"] == {
        "models": ["one", "two"],
        "weights": [[0.5, 0.5]],
        "temperatures": [1.0, 2.0],
    }
    assert summary["gains"] == {"b": 0.375, "a": 0.125}  # the baseline has no part in it
    assert summary["submission"] == {"path": str(Path("x/submission.parquet")), "rows": 21}
    assert summary["submissions"] == [str(Path("x") / name) for name in ("submission.parquet", "submission.csv")]
    assert cast(list[Any], summary["folds"][:-1]) == compare_folds(outcome)
