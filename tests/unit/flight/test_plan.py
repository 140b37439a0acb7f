"""What a log decides: each way of validation, the features, the size of the models; and that a set value stays."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.engine.decisions import Decision
from common.engine.errors import UserError
from common.time_units import DAY_MS
from competitions.flight.competition import COMPETITION
from competitions.flight.config import FlightConfig
from competitions.flight.features.build import EXTRA_BLOCKS
from competitions.flight.plan import (
    LARGE_TREES,
    RATES,
    SMALL_TREES,
    Features,
    Survey,
    cap_rows,
    count_rows,
    decide_features,
    decide_fits,
    decide_parameters,
    decide_validation,
    make_plan,
    survey_log,
)
from competitions.flight.split import Validation

PAST = Features("past bookings", ("core", "pair", "lift", "taste"), "taste_total")


def load(*overrides: str) -> FlightConfig:
    config: FlightConfig = COMPETITION.load_config(list(overrides))
    return config


def survey(sessions: int = 3_000, scored: int = 2_000, returning: float = 0.0, known: float = 0.0) -> Survey:
    return Survey(sessions, scored, returning, known)


def log(profiles: Sequence[int], size: int = 20, unbooked: int = 0) -> pl.DataFrame:
    """Sessions of these travellers with a booking, on the day of their number, and others of traveller -1 without."""
    count = len(profiles)
    known = pl.DataFrame({"profile": [*profiles, *[-1] * unbooked]}, schema={"profile": pl.Int32})
    return known.with_columns(
        size=pl.lit(size, pl.Int32),
        time=pl.col("profile").cast(pl.Int64) * DAY_MS,
        booked=pl.Series([0] * count + [None] * unbooked, dtype=pl.Int32),
    )


# --- the survey ---


def test_the_survey_counts_bookings_scored_sessions_and_who_comes_back() -> None:
    train = pl.concat([log([1, 1, 1, 2], size=11, unbooked=3), log([3], size=10)])
    # A session of ten options is not scored; traveller -1 searched in the train file, and booked nothing.
    assert survey_log(train, log([1, 2, 9, 9, -1])) == Survey(5, 4, 2 / 5, 2 / 5)
    empty = survey_log(log([], unbooked=2), log([]))
    assert (empty.sessions, empty.scored, empty.known) == (0, 0, 0.0)


@pytest.mark.parametrize(
    ("returning", "known", "memory"), [(0.05, 0.0, True), (0.0, 0.05, True), (0.049, 0.049, False), (0.3, 0.0, True)]
)
def test_a_log_has_a_memory_where_either_share_reaches_a_twentieth(
    returning: float, known: float, memory: bool
) -> None:
    assert survey(returning=returning, known=known).has_memory == memory


# --- the way of validation ---


@pytest.mark.parametrize(
    ("sessions", "scored", "returning", "share", "expected"),
    [
        (30_000, 20_000, 0.0, 0.1, ("time", 1, 1)),  # the last tenth has 2,000 scored sessions
        (30_000, 20_000, 0.9, 0.1, ("time", 1, 1)),
        (30_000, 19_990, 0.9, 0.1, ("blocks", 2, 1)),
        (30_000, 10_000, 0.9, 0.1, ("blocks", 2, 1)),
        (30_000, 9_990, 0.9, 0.1, ("blocks", 3, 1)),  # two blocks of 999 are not enough
        (30_000, 5, 0.9, 0.1, ("blocks", 3, 1)),  # nor are three, but there are no more
        (30_000, 19_990, 0.0, 0.1, ("folds", 5, 1)),
        (2_001, 100, 0.0, 0.1, ("folds", 5, 1)),
        (2_000, 2_000, 0.0, 0.1, ("folds", 5, 2)),  # few sessions are dealt twice
        (9_000, 4_000, 0.0, 0.5, ("time", 1, 1)),
        (9_000, 3_999, 0.0, 0.5, ("folds", 5, 1)),
    ],
)
def test_how_to_validate_follows_scored_sessions_and_memory(
    sessions: int, scored: int, returning: float, share: float, expected: tuple[str, int, int]
) -> None:
    decided = decide_validation(survey(sessions, scored, returning), load(f"split.valid_share={share}"))
    assert decided[:3] == expected


@pytest.mark.parametrize(
    ("way", "expected"), [("time", (1, 1)), ("blocks", (3, 1)), ("folds", (5, 2)), ("auto", (3, 1))]
)
def test_a_way_that_is_set_is_kept(way: str, expected: tuple[int, int]) -> None:
    """By itself this log, whose people come back, would be cut into blocks of time."""
    decided = decide_validation(survey(500, 400, 0.5), load(f"split.validation={way}"))
    assert decided[0] == ("blocks" if way == "auto" else way)
    assert decided[1:3] == expected
    assert (decided[3].reason == "set") == (way != "auto")


# --- the features ---


def test_where_people_come_back_their_past_is_learned_from() -> None:
    decided = Decision("rank.blocks", "core pair lift taste", "travellers return")
    assert decide_features(survey(returning=0.5), load()) == ((PAST,), decided)


def test_where_nobody_does_validation_chooses_among_sets_that_grow() -> None:
    offered, decision = decide_features(survey(), load())
    assert [each.blocks for each in offered] == [("core", "pair"), ("core", "pair", "lift")]
    assert [each.base_margin for each in offered] == [None, None]
    assert len({each.name for each in offered}) == 2
    assert decision.reason.startswith("travellers do not return")


@pytest.mark.parametrize(
    ("blocks", "returning", "expected"),
    [
        (("core", "taste"), 0.5, "taste_total"),
        (("core", "taste"), 0.0, None),  # what cannot be known from the past is no start
        (("core", "pair"), 0.5, None),
    ],
)
def test_blocks_that_are_set_are_kept_alone(blocks: tuple[str, ...], returning: float, expected: str | None) -> None:
    config = load(f"rank.blocks={list(blocks)}")
    decided = decide_features(survey(returning=returning), config)
    assert decided == ((Features("as set", blocks, expected),), Decision("rank.blocks", " ".join(blocks), "set"))


def test_a_registered_block_is_in_each_set_and_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRA_BLOCKS, "own", lambda chunk, history: chunk.options.select("price"))
    assert [each.blocks[-1] for each in decide_features(survey(), load(), ["own"])[0]] == ["own"] * 2
    assert decide_features(survey(), load("rank.blocks=-own"), ["own"])[0][0].blocks == ("core", "pair")
    assert decide_features(survey(), load("rank.blocks=core"), ["own"])[0][0].blocks == ("core",)


# --- the models ---


@pytest.mark.parametrize(("sessions", "trees"), [(19_999, SMALL_TREES), (20_000, LARGE_TREES)])
def test_auto_is_replaced_by_the_size_of_the_log(sessions: int, trees: dict[str, Any]) -> None:
    config = load("rank.lightgbm_softmax.extra_trees=false")  # what is set stays
    parameters, decision = decide_parameters(survey(sessions), config)
    assert list(parameters) == list(config.rank.models)
    for model, decided in parameters.items():
        given = config.rank.parameters_of(model)
        auto = trees | {"learning_rate": RATES[model][1]}
        assert decided == {key: auto[key] if value == "auto" else value for key, value in given.items()}
    assert parameters["lightgbm_softmax"]["num_leaves"] == trees["num_leaves"]
    assert parameters["catboost_softmax"]["depth"] == trees["depth"]
    assert not parameters["lightgbm_softmax"]["extra_trees"]
    words = f"{trees['num_leaves']} leaves, at rates of 0.1, 0.2"
    assert decision == Decision("trees", words, f"{sessions:,} sessions with a booking")


@pytest.mark.parametrize(("sessions", "rates"), [(1_999, [0.05, 0.1]), (2_000, [0.1, 0.2])])
def test_few_sessions_are_learned_from_slowly(sessions: int, rates: list[float]) -> None:
    parameters = decide_parameters(survey(sessions), load())[0]
    assert [own["learning_rate"] for own in parameters.values()] == rates


def test_a_parameter_that_nobody_decides_cannot_be_auto() -> None:
    with pytest.raises(UserError, match=r"rank\.catboost_softmax\.rsm .*cannot be .?auto"):
        decide_parameters(survey(100), load("rank.catboost_softmax.rsm=auto"))


@pytest.mark.parametrize(
    ("sessions", "given", "patience", "seeds"),
    [
        *((100, (), 200, 3), (1_999, (), 200, 3), (2_000, (), 100, 1)),
        *((100, ("rank.patience=0",), 0, 3), (100, ("rank.seeds=2",), 200, 2)),
        (100, ("rank.seeds=2", "rank.patience=7"), 7, 2),
    ],
)
def test_a_small_log_has_time_and_seeds_where_they_are_not_set(
    sessions: int, given: tuple[str, ...], patience: int, seeds: int
) -> None:
    reason = "set" if len(given) == 2 else f"{sessions:,} sessions with a booking"
    decision = Decision("rank.seeds, rank.patience", f"{seeds}, {patience}", reason)
    assert decide_fits(survey(sessions), load(*given)) == (patience, seeds, decision)


# --- the plan ---


def test_a_plan_has_every_decision_with_its_reason() -> None:
    plan = make_plan(log(range(40)), log(range(100, 110)), load())
    assert plan.validation == Validation("folds", 5, 2, (0,))
    assert [each.blocks[-1] for each in plan.features] == ["pair", "lift"]
    assert (plan.patience, plan.seeds, tuple(plan.parameters)) == (200, 3, load().rank.models)
    assert plan.parameters["catboost_softmax"]["depth"] == SMALL_TREES["depth"]
    assert [(each.setting, each.value) for each in plan.decisions] == [
        ("split.validation", "5 folds of whole sessions, repeated 2 times"),
        ("rank.blocks", "core pair or core pair lift"),
        ("trees", "12 leaves, at rates of 0.05, 0.1"),
        ("rank.seeds, rank.patience", "3, 200"),
    ]
    assert not any(each.reason in ("", "set") for each in plan.decisions)


def test_the_lags_of_the_test_are_recorded_where_time_decides() -> None:
    """Of a train file of 40 days: half of the test is at most a day behind it, the other half is ten days behind."""
    train, test = log(range(41)), log([*range(35, 40), 39] + [49] * 6)
    plan = make_plan(train, test, load("split.validation=blocks"))
    lags = np.array(plan.validation.lags) / DAY_MS
    assert (len(lags), lags.min(), lags.max()) == (200, 0, 10)
    assert np.mean(lags == 10) == 0.5
    (decision,) = (each for each in plan.decisions if each.setting == "split.lags")
    assert decision.value == "bookings 0 to 10 days old at the least, 10 in the middle"
    assert make_plan(train, test, load("split.validation=blocks", "split.lags=none")).validation.lags == (0,)


# --- the rows ---


def test_the_rows_are_counted_as_they_are_drawn_and_all_are_taken_where_memory_allows() -> None:
    config = load("rank.sample.negatives=9")
    assert (
        count_rows(
            pl.concat([log([1, 2], size=30, unbooked=3), log([3], size=4), log([4], size=1)]), config.rank.sample
        )
        == 24
    )
    plan = make_plan(log([1, 2] * 20, size=30), log([1]), config)
    assert plan.rows == 400
    for room in (0.1, 50.0):  # a hundred thousand rows are always tried
        capped = cap_rows(plan, "auto", room)
        assert (capped.rows, capped.decisions[-1].reason) == (400, "every session with a booking trains")
    set_rows = cap_rows(plan, 100, 50.0)
    assert (set_rows.rows, set_rows.decisions[-1].reason) == (100, "set")


@pytest.mark.parametrize(("room", "rows"), [(20.0, 3_800_000), (8.2, 3_800_000), (6.0, 1_800_000), (1.0, 100_000)])
def test_a_log_of_the_hosts_size_takes_what_the_free_memory_holds_and_says_so(room: float, rows: int) -> None:
    plan = replace(make_plan(log([1, 2] * 20), log([1]), load()), rows=3_800_000, sessions=105_539)
    capped = cap_rows(plan, "auto", room)
    assert capped.rows == rows
    assert ("3,800,000 rows" in capped.decisions[-1].reason) == (rows < 3_800_000)
    assert capped.decisions[-1].setting == "rank.sample.rows"
