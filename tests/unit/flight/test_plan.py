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
    Survey,
    cap_rows,
    count_training_rows,
    decide_blocks,
    decide_fits,
    decide_models,
    decide_parameters,
    decide_validation,
    make_plan,
    survey_log,
)
from competitions.flight.split import Validation


def load(*overrides: str) -> FlightConfig:
    config: FlightConfig = COMPETITION.load_config(list(overrides))
    return config


def survey(sessions: int = 3_000, scored: int = 2_000, returning: float = 0.0, known: float = 0.0) -> Survey:
    return Survey(sessions, scored, returning, known)


def log(profiles: Sequence[int], size: int = 20, unbooked: int = 0) -> pl.DataFrame:
    """Sessions of these travellers with a booking, on the day of their number, and others of traveller -1 without."""
    known = pl.DataFrame({"profile": [*profiles, *[-1] * unbooked]}, schema={"profile": pl.Int32})
    return known.with_columns(
        size=pl.lit(size, pl.Int32),
        time=pl.col("profile").cast(pl.Int64) * DAY_MS,
        booked=pl.Series([0] * len(profiles) + [None] * unbooked, dtype=pl.Int32),
    )


def test_the_survey_counts_bookings_scored_sessions_and_who_comes_back() -> None:
    train = pl.concat([log([1, 1, 1, 2], size=11, unbooked=3), log([3], size=10)])
    # A session of ten options is not scored; traveller -1 searched in the train file, and booked nothing.
    assert survey_log(train, log([1, 2, 9, 9, -1])) == Survey(5, 4, 2 / 5, 2 / 5)
    empty = survey_log(log([], unbooked=2), log([]))
    assert (empty.sessions, empty.scored, empty.known) == (0, 0, 0.0)
    # A log has a memory where either share reaches a twentieth.
    shares = [(0.05, 0.0), (0.0, 0.05), (0.049, 0.049)]
    assert [survey(returning=one, known=two).has_memory for one, two in shares] == [True, True, False]


# --- the way of validation ---


@pytest.mark.parametrize(
    ("sessions", "scored", "returning", "setting", "expected"),
    [
        (30_000, 20_000, 0.0, "", ("time", 1, 1)),  # the last tenth has 2,000 scored sessions
        (30_000, 19_990, 0.9, "", ("blocks", 2, 1)),
        (30_000, 9_990, 0.9, "", ("blocks", 3, 1)),  # two blocks of 999 are not enough
        (30_000, 19_990, 0.0, "", ("folds", 5, 1)),
        (2_001, 100, 0.0, "", ("folds", 5, 1)),
        (2_000, 2_000, 0.0, "", ("folds", 5, 2)),  # few sessions are dealt twice
        (9_000, 4_000, 0.0, "split.valid_share=0.5", ("time", 1, 1)),
        (500, 400, 0.5, "", ("blocks", 3, 1)),
        (500, 400, 0.5, "split.validation=time", ("time", 1, 1)),
        (500, 400, 0.0, "split.validation=blocks", ("blocks", 3, 1)),
    ],
)
def test_how_to_validate_follows_scored_sessions_and_memory_and_a_way_that_is_set_is_kept(
    sessions: int, scored: int, returning: float, setting: str, expected: tuple[str, int, int]
) -> None:
    decided = decide_validation(survey(sessions, scored, returning), load(*([setting] if setting else [])))
    assert decided[:3] == expected
    assert (decided[3].reason == "set") == setting.startswith("split.validation")


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


# --- the features ---


@pytest.mark.parametrize(
    ("setting", "returning", "blocks", "margin", "why"),
    [
        ("auto", 0.5, "core pair lift taste", "taste_total", "travellers return"),
        ("auto", 0.0, "core pair lift", None, "travellers do not return"),
        ("-lift", 0.0, "core pair", None, "travellers do not return"),
        ("-taste", 0.5, "core pair lift", None, "travellers return"),
        ("['core', 'taste']", 0.5, "core taste", "taste_total", "set"),
        ("['core', 'taste']", 0.0, "core taste", None, "set"),  # what the past does not tell is no start
    ],
)
def test_the_features_follow_from_who_comes_back(
    setting: str, returning: float, blocks: str, margin: str | None, why: str
) -> None:
    decided = decide_blocks(survey(returning=returning), load(f"rank.blocks={setting}"))
    assert decided == (tuple(blocks.split()), margin, Decision("rank.blocks", blocks, why))


def test_a_registered_block_is_there_and_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRA_BLOCKS, "own", lambda chunk, history: chunk.options.select("price"))
    given = {"auto": "core pair lift own", "-own": "core pair lift", "core": "core"}
    for setting, blocks in given.items():
        assert decide_blocks(survey(), load(f"rank.blocks={setting}"), ["own"])[0] == tuple(blocks.split())


# --- the models ---


@pytest.mark.parametrize(("sessions", "trees"), [(19_999, SMALL_TREES), (20_000, LARGE_TREES)])
def test_auto_is_replaced_by_the_size_of_the_log(sessions: int, trees: dict[str, Any]) -> None:
    config = load("rank.lightgbm_softmax.extra_trees=false")  # what is set stays
    parameters, decision = decide_parameters(survey(sessions), config)
    assert list(parameters) == list(config.rank.known_models)
    for model, decided in parameters.items():
        auto = trees | {"learning_rate": RATES[model][1]}
        given = config.rank.parameters_of(model)
        assert decided == {key: auto[key] if value == "auto" else value for key, value in given.items()}
    assert not parameters["lightgbm_softmax"]["extra_trees"]
    words = f"{trees['num_leaves']} leaves, at rates of 0.1, 0.2"
    assert decision == Decision("trees", words, f"{sessions:,} sessions with a booking")


@pytest.mark.parametrize(("sessions", "rates"), [(1_999, [0.05, 0.1]), (2_000, [0.1, 0.2])])
def test_few_sessions_are_learned_from_slowly(sessions: int, rates: list[float]) -> None:
    parameters = decide_parameters(survey(sessions), load())[0]
    assert [own["learning_rate"] for own in parameters.values()] == rates
    with pytest.raises(UserError, match=r"rank\.catboost_softmax\.rsm .*cannot be .?auto"):
        decide_parameters(survey(sessions), load("rank.catboost_softmax.rsm=auto"))


@pytest.mark.parametrize(
    ("sessions", "given", "trial", "why"),
    [
        (20_000, (), True, None),
        (19_999, (), False, "19,999 sessions with a booking: there is time for all"),
        (20_000, ('rank.models=["lightgbm_softmax", "catboost_softmax"]',), False, "set"),
        (20_000, ("rank.models=-catboost_softmax",), False, "20,000 sessions with a booking: there is time for all"),
    ],
)
def test_a_large_log_tries_its_models_unless_they_are_set(
    sessions: int, given: tuple[str, ...], trial: bool, why: str | None
) -> None:
    tried, decisions = decide_models(survey(sessions), load(*given))
    assert (tried, [each.reason for each in decisions]) == (trial, [] if why is None else [why])


@pytest.mark.parametrize(
    ("sessions", "given", "patience", "seeds"),
    [
        *((100, (), 200, 3), (1_999, (), 200, 3), (2_000, (), 100, 1), (19_999, (), 100, 1), (20_000, (), 30, 1)),
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
    assert (plan.patience, plan.seeds, tuple(plan.parameters)) == (200, 3, load().rank.known_models)
    assert [(each.setting, each.value) for each in plan.decisions] == [
        ("split.validation", "5 folds of whole sessions, repeated 2 times"),
        ("rank.blocks", "core pair lift"),
        ("rank.models", "lightgbm_softmax, catboost_softmax"),
        ("trees", "12 leaves, at rates of 0.05, 0.1"),
        ("rank.seeds, rank.patience", "3, 200"),
    ]
    assert not any(each.reason in ("", "set") for each in plan.decisions)


def test_the_rows_are_counted_as_they_are_drawn_and_all_are_taken_where_memory_allows() -> None:
    config = load("rank.sample.negatives=9")
    train = pl.concat([log([1, 2], size=30, unbooked=3), log([3], size=4), log([4], size=1)])
    assert count_training_rows(train, config.rank.sample) == 24
    plan = make_plan(log([1, 2] * 20, size=30), log([1]), config)
    every = "every session with a booking trains"
    # A hundred thousand rows are always tried.
    for most, room, expected in (("auto", 0.1, (400, every)), ("auto", 50.0, (400, every)), (100, 50.0, (100, "set"))):
        capped = cap_rows(plan, most, room)
        assert (capped.rows, capped.decisions[-1].reason) == expected


@pytest.mark.parametrize(("total", "rows"), [(24.0, 3_800_000), (10.2, 3_800_000), (8.0, 2_100_000), (1.0, 100_000)])
def test_a_log_of_the_hosts_size_takes_what_the_machine_holds_and_says_so(total: float, rows: int) -> None:
    plan = replace(make_plan(log([1, 2] * 20), log([1]), load()), rows=3_800_000, sessions=105_539)
    capped = cap_rows(plan, "auto", total)
    assert capped.rows == rows
    assert (
        f"3,800,000 rows those of the latest sessions that a machine of {total:.0f} GiB" in capped.decisions[-1].reason
    ) == (rows < 3_800_000)
    assert capped.decisions[-1].setting == "rank.sample.rows"
