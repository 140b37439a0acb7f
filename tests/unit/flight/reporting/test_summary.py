"""The closing summary: shares of sessions by hand, gains, and what goes into summary.json."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from common.pipeline.run import Result
from common.ranking.gbdt import Ranker
from common.ranking.size_bucket_blending import BucketBlend
from common.submission import Checked
from competitions.flight.io.reader import Note, RawFiles, Searches
from competitions.flight.reporting.summary import (
    GAINS_SHOWN,
    Outcome,
    compare_folds,
    count_sessions,
    describe_sessions,
    rank_gains,
    summarise,
)
from competitions.flight.split import DAY_MS, Split, split_by_time
from tests.unit.flight.flight_world import START, Search, make_searches, option, search

BLEND = BucketBlend((1.0, 2.0), (27,), ((1.0, 0.0), (0.25, 0.75)), "buckets", {"equal": 0.4, "buckets": 0.5}, 9)


def kept(value: Any) -> Result[Any]:
    return Result("key", lambda: value)


def sized(size: int, **columns: Any) -> Search:
    return search(*[option()] * size, **columns)


@pytest.fixture
def train() -> Searches:
    made = make_searches(
        sized(2, day=0, profile=1, route=1),
        sized(12, day=1, profile=2, route=2, round_trip=False),
        sized(3, day=2, booked=None, profile=3, route=4),
        sized(11, day=8, profile=1, route=4, access_3d=None),
        sized(10, day=9, profile=3, route=None, by_self=False),
        sized(30, day=9, profile=2, route=1, by_self=None),
    )
    return Searches(made.sessions, made.options, (Note("train.parquet", "odd", 3, "kept"),))


@pytest.fixture
def test() -> Searches:
    return make_searches(sized(20, profile=9, route=2, access_3d=False), sized(1, profile=2, route=1))


@pytest.fixture
def outcome(train: Searches, test: Searches) -> Outcome:
    split: Split = split_by_time(train.sessions, START + 5 * DAY_MS, 7, "x")
    gains = ({"a": 100.0}, {"a": 1.0, "b": 3.0}, {"a": 0.0, "b": 0.0})
    rankers = [kept(Ranker("logit", None, rounds, gain)) for rounds, gain in zip((5, 6, 7), gains, strict=True)]
    measured = [{"hit_rate@3": rate, "error": rate / 10} for rate in (0.1, 0.2, 0.3, 0.4, 0.5)]
    checked = [Checked(Path("x") / name, 21, ("rule",)) for name in ("submission.parquet", "submission.csv")]
    return Outcome(
        files=RawFiles(Path("train.parquet"), Path("test.parquet")),
        train=kept(train),
        test=kept(test),
        split=kept(split),
        data=kept(None),
        names=["baseline", "one", "two"],
        rankers=rankers,
        final_rankers=rankers,
        scores=kept(None),
        blend=kept(BLEND),
        penalty=kept(0.2),
        measured=kept(measured),
        readings={"second": {"hit_rate@3": 0.25}},
        snapshots=kept(None),
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
        "corporate tariff": (1, 1, 0.5),
        "traveller in training": (1, two_thirds, 0.5),  # the third is known from a session without a booking only
        "route in training": (1, third, 1),
    }


def test_of_no_sessions_shares_are_zero(train: Searches) -> None:
    shares = describe_sessions(train.sessions.head(0), train.sessions)
    assert shares["sessions"] == 0
    assert shares["round trip"] == shares["more than 10 options"] == shares["route in training"] == 0


def test_sessions_are_counted_by_role(outcome: Outcome) -> None:
    assert count_sessions(outcome) == {"train": 2, "unused": 1, "valid": 3, "valid_scored": 2, "test": 2}


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
    assert summary["notes"] == [{"file": "train.parquet", "what": "odd", "rows": 3, "done": "kept"}]
    assert summary["cv"] == {"hit_rate@3": 0.5, "error": 0.05, "queries": count_sessions(outcome)}
    assert list(summary["models"]) == ["baseline", "one", "two", "blend", "blend, reranked"]
    assert summary["models"]["blend, reranked"]["hit_rate@3"] == 0.5
    assert summary["rounds"] == {"baseline": 5, "one": 6, "two": 7}
    assert summary["blend"] == {
        "models": ["one", "two"],
        "method": "buckets",
        "edges": [27],
        "weights": [[1.0, 0.0], [0.25, 0.75]],
        "temperatures": [1.0, 2.0],
        "hit_rates": {"equal": 0.4, "buckets": 0.5},
        "rerank_penalty": 0.2,
    }
    assert summary["readings"] == {"second": {"hit_rate@3": 0.25}}
    assert summary["gains"] == {"b": 0.375, "a": 0.125}  # the baseline has no part in it
    assert summary["submission"] == {"path": str(Path("x/submission.parquet")), "rows": 21}
    assert summary["submissions"] == [str(Path("x") / name) for name in ("submission.parquet", "submission.csv")]
    assert cast(list[Any], summary["folds"]) == compare_folds(outcome)
