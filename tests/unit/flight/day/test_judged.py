"""What a flight run reports: shares of sessions by hand, the summary, the truth, one row a session."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.day.hosts import REPORT, TRUTH
from common.engine.decisions import Decision
from common.engine.run import Result
from common.io.submission import Checked
from common.learning.dataset import RankingDataset
from common.learning.gbdt import Ranker
from common.simulation.oracle import Oracle
from common.time_units import DAY_MS
from competitions.flight.day.folds import count_sessions
from competitions.flight.day.judged import (
    find_booked,
    list_models,
    list_notes,
    list_plan,
    list_queries,
    name_folds,
    score_truth,
    summarise,
)
from competitions.flight.day.rows import list_rivals
from competitions.flight.io import schema
from competitions.flight.io.reader import Note, RawFiles, Searches
from competitions.flight.pipeline import Outcome
from competitions.flight.plan import Features, Plan
from competitions.flight.ranking.blending import Blend
from competitions.flight.ranking.cross_validation import CrossFit
from competitions.flight.ranking.rankers import Choice
from competitions.flight.ranking.training_data import FoldData, TrainingData
from competitions.flight.split import Split, split_by_time, split_folds, take_test_snapshot
from tests.unit.flight.flight_world import START, Search, make_searches, option, search

ONE = Blend((1.0,), (1.0,))
RATES = {"hit_rate@1": 0.3, "hit_rate@3": 0.6, "hit_rate@5": 0.7, "hit_rate@10": 0.8, "hit_rate@3[161+]": 0.2}
ORACLE = Oracle(9, 0.6, 0.02, 0.61, RATES)
BLEND = Blend((1.0, 2.0), (0.25, 0.75), {"equal": -2.0, "fitted": -1.5})
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


def stand(folder: Path, **values: Any) -> Outcome:
    """The parts of an outcome that the truth is measured with."""
    parts = {"files": RawFiles(folder / schema.TRAIN, folder / schema.TEST), "names": ["logit", "other"]}
    fields: dict[str, Any] = dict.fromkeys(Outcome.__dataclass_fields__) | parts | values
    return Outcome(**fields)


@pytest.fixture
def outcome(train: Searches, test: Searches) -> Outcome:
    split: Split = split_by_time(train.sessions, [START + 5 * DAY_MS], 7, "x")
    gains = ({"a": 1.0, "b": 3.0}, {"a": 0.0, "b": 0.0})
    rankers = [Ranker("logit", None, rounds, gain) for rounds, gain in zip((6, 7), gains, strict=True)]
    crosses = [kept(CrossFit((ranker,), ranker.rounds, (), (), "")) for ranker in rankers]
    measured = [{"hit_rate@3": rate, "error": rate / 10} for rate in (0.1, 0.2, 0.5)]
    checked = [Checked(Path("x") / name, 21, ("rule",)) for name in ("submission.parquet", "submission.csv")]
    return stand(
        Path(),
        train=kept(train),
        test=kept(test),
        plan=plan(PLAIN),
        choice=Choice(PLAIN, {}),
        split=kept(split),
        data=kept(judge([3, 4, 5])),
        names=["one", "two"],
        crosses=crosses,
        final_rankers=[kept(ranker) for ranker in rankers],
        blend=kept(BLEND),
        measured=kept(measured),
        snapshots=kept(take_test_snapshot(train.sessions, test.sessions, False, 7)),
        checked=checked,
    )


def test_sessions_are_counted_by_what_becomes_of_them(outcome: Outcome) -> None:
    """All with a booking train in the end; one that repeated folds judge several times counts once."""
    counts = {"train": 5, "unused": 1, "valid": 3, "valid_scored": 2, "test": 2}
    assert count_sessions(outcome) == counts
    assert count_sessions(replace(outcome, data=kept(judge([3, 4], [5], [4], [5, 3])))) == counts


# --- what was decided from the log ---


def test_every_decision_is_a_row(outcome: Outcome) -> None:
    rows = list_plan(outcome)
    assert [tuple(row.values()) for row in rows] == [
        ("split.validation", "3 folds", "few sessions"),
        ("trees", "12 leaves", "5 sessions"),
    ]
    chosen = replace(
        outcome, plan=plan(PLAIN, PAST), choice=Choice(PAST, {"no bookings": -2.5, "past bookings": -2.25})
    )
    *first, last = list_plan(chosen)
    assert first == rows
    assert (last["setting"], last["value"]) == ("rank.blocks", "core lift")
    assert "no bookings -2.5000, past bookings -2.2500" in last["why"]
    assert summarise(chosen)["plan"] == list_plan(chosen)


# --- the whole ---


def test_the_summary_is_plain_and_says_what_came_of_the_run(outcome: Outcome) -> None:
    summary = summarise(outcome)
    assert json.loads(json.dumps(summary)) == summary
    odd, apart = list_notes(outcome)
    assert tuple(odd) == ("train.parquet", "odd", 3, "kept")
    assert apart.what == "sessions that look back on 5 bookings where validation looks back on 2"
    assert (summary["bookings"]["validation"], summary["bookings"]["test"]) == (2, 5)
    assert summary["cv"] == {"hit_rate@3": 0.5, "error": 0.05, "queries": count_sessions(outcome)}
    assert list(summary["models"]) == ["one", "two", "blend"]
    assert summary["models"]["blend"]["hit_rate@3"] == 0.5
    assert summary["rounds"] == {"one": 6, "two": 7}
    likelihoods = {"equal": -2.0, "fitted": -1.5}
    assert list(summary["blend"].values()) == [["one", "two"], "fitted", [[0.25, 0.75]], likelihoods, [1.0, 2.0]]
    assert summary["gains"] == {"b": 0.75, "a": 0.25}
    assert summary["submission"] == {"path": str(Path("x/submission.parquet")), "rows": 21}
    assert summary["submissions"] == [str(Path("x") / name) for name in ("submission.parquet", "submission.csv")]


# --- the record ---


def test_the_rows_that_were_booked_are_found_by_their_ids(tmp_path: Path) -> None:
    pl.DataFrame({"Id": [50, 40, 30, 20], "ranker_id": ["a", "a", "b", "b"]}).write_parquet(tmp_path / "test.parquet")
    (tmp_path / "truth.csv").write_text("Id,ranker_id,more\n20,b,x\n50,a,y\n")
    rows = find_booked(tmp_path / "test.parquet", tmp_path / "truth.csv")
    assert sorted(rows) == [0, 3]
    assert rows.dtype == pl.Int64


def test_the_submission_and_each_model_are_scored_on_the_simulated_truth(tmp_path: Path) -> None:
    test = make_searches(search(*(option(out_flight=flight) for flight in range(11))))
    ids = range(100, 111)
    pl.DataFrame({"Id": ids}).write_parquet(tmp_path / schema.TEST)
    pl.DataFrame({"Id": ids, "ranker_id": ["a"] * 11, "selected": range(1, 12)}).write_csv(tmp_path / "mine.csv")
    (tmp_path / TRUTH).write_text("Id,ranker_id\n102,a\n")
    (tmp_path / REPORT).write_text(json.dumps({"oracle": vars(ORACLE)}))
    answers = np.column_stack([-np.arange(11), np.arange(11)]).astype(np.float32)

    checked = [Checked(tmp_path / "mine.csv", 11, ())]
    outcome = stand(tmp_path, test=kept(test), test_scores=kept(answers), blend=kept(ONE), checked=checked)
    truth = score_truth(outcome, tmp_path)
    assert (truth.score, truth.oracle, truth.scores["hit_rate@3"]) == (1, 0.6, 1)
    ((_, rows),) = truth.tables
    hits = {row["model"]: (row["@1"], row["@3"]) for row in rows}
    models = {"logit": (0, 1), "other": (0, 0), "blend": (0, 1)}
    assert hits == models | {"oracle": (0.3, 0.6)}
    best = {"@1": 0.3, "@3": 0.6, "@5": 0.7, "@10": 0.8}  # no session is of more than 160 options
    assert rows[-1] == {"model": "oracle", **best, "error": 0.02}


def test_a_session_that_several_fits_judge_is_one_query_with_the_share_of_its_hits() -> None:
    """Three sessions judged in two repeats, each in its own order; the last is too small to be scored."""
    train = make_searches(
        search(*[option(out_flight=number) for number in range(11)], day=0, profile=1),
        search(*[option(out_flight=number) for number in range(12)], day=1, profile=1, round_trip=False),
        search(*[option(out_flight=number) for number in range(3)], day=2, profile=2),
    )
    sizes = train.sessions["size"].to_list()
    folds, scores = [], []
    for order, last_is_best in (([0, 1, 2], [False, False, False]), ([2, 1, 0], [False, False, True])):
        labels = np.concatenate([np.eye(1, sizes[number], dtype=np.float32)[0] for number in order])
        own = np.array([sizes[number] for number in order], np.int32)
        rows = RankingDataset(("x",), np.zeros((len(labels), 1), np.float32), labels, own)
        folds.append(FoldData(rows, rows, np.array(order)))
        scores += [np.arange(size) * (1 if last else -1) for size, last in zip(own, last_is_best, strict=True)]
    data = TrainingData(folds[0].train, np.arange(3), tuple(folds))

    outcome = stand(
        Path(),
        train=kept(train),
        data=kept(data),
        scores=kept(np.concatenate(scores)[:, None].astype(np.float64)),
        blend=kept(ONE),
        split=kept(split_folds(train.sessions, 3, 2, 0)),
    )
    queries = list_queries(outcome)
    assert queries["query"].to_list() == train.sessions["ranker_id"].to_list()[:2]
    assert queries["score"].to_list() == [0.5, 1.0]
    assert queries["trip"].to_list() == ["return", "one way"]
    assert queries["traveller"].to_list() == ["is new", "has booked"]
    assert queries["options"].to_list() == ["11-27", "11-27"]
    assert queries["fold"].unique().to_list() == ["folds of whole sessions"]
    random, shown = list_rivals(outcome)
    assert random["score"] == pytest.approx((3 / 11 + 3 / 12) / 2)
    assert random["error"] == pytest.approx((3 / 11 - 3 / 12) / 2 / 2**0.5)  # of two sessions, not of four
    assert (shown["name"], shown["score"]) == ("In the order shown", 1.0)


def test_blocks_of_time_are_folds_with_their_dates(train: Searches, tmp_path: Path) -> None:
    cuts = [START + day * DAY_MS for day in (1, 8)]
    split = split_by_time(train.sessions, cuts, 7.0, "successive blocks of time")
    outcome = stand(tmp_path, train=kept(train), data=kept(judge([1], [3, 5])), split=kept(split))
    first, *second = name_folds(outcome).to_list()
    assert len(set(second)) == 1
    assert first != second[0]
    days = [(train.sessions["time"][session] // DAY_MS) for session in (1, 3, 5)]
    named = [f"{dt.date(1970, 1, 1) + dt.timedelta(days=int(day)):%m-%d}" for day in days]
    assert [first, second[0]] == [f"{named[0]} to {named[0]}", f"{named[1]} to {named[2]}"]


def rates(rate: float) -> dict[str, float]:
    hits = {"hit_rate@1": rate / 2, "hit_rate@3": rate, "hit_rate@3[161+]": rate / 4}
    return {**hits, "error": 0.01, "sessions": 900}


def test_models_stand_beside_each_other_with_their_hit_rates() -> None:
    assert list_models({"one": rates(0.4), "blend": rates(0.5)}) == [
        {"model": "one", "@1": 0.2, "@3": 0.4, "@3[161+]": 0.1, "error": 0.01},
        {"model": "blend", "@1": 0.25, "@3": 0.5, "@3[161+]": 0.125, "error": 0.01},
    ]
