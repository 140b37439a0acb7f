"""Settings meet the log: what ``auto`` in config.toml stands for on these files, each with its reason.

One step decides, prints and records: how to validate, from which features, and how large the models are. Whatever
config.toml, or ``--set``, gives in place of ``auto`` stays as it is given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from common.engine.decisions import AUTO, Decision, choose_names, refuse_choice
from common.engine.errors import UserError
from common.time_units import DAY_MS
from competitions.flight.config import FlightConfig, SampleSettings
from competitions.flight.features.build import BLOCKS, EXTRA_BLOCKS
from competitions.flight.metrics import LARGE
from competitions.flight.split import Validation, list_lags

ENOUGH_SESSIONS = 2_000  # scored ones: fewer leave a standard error of the hit rate above .011
RETURNING = 0.05  # share of the sessions by known travellers from which on a log has a memory
LEAST_SESSIONS = 20  # fewer leave blocks of time without a session that validates, or that trains
FOLDS, MOST_BLOCKS = 5, 3
LARGE_LOG, SMALL_LOG = 20_000, 2_000  # sessions
DEALT_TWICE = 2_000  # sessions up to which folds are repeated
MANY_SEEDS = 3
# Rounds without a better likelihood that end a fit, by size of the log: the fewer judge, the rougher is the curve.
LONG_PATIENCE, PATIENCE, SHORT_PATIENCE = 200, 100, 30
# GiB of any run, of reading the host's sessions, and of a million training rows: peaks of whole runs, see FIGURES.md.
OTHER_GIB, READ_GIB, HOST_SESSIONS, MILLION_GIB = 1.0, 3.1, 105_539, 1.05
SYSTEM_SHARE = 0.2  # of the memory, which other programs take
MARGIN, RATE = "taste_total", "learning_rate"
LAG_QUANTILES = 200
# What "auto" stands for in the parameters of the models, by size of the log.
SMALL_TREES: dict[str, Any] = {"num_leaves": 12, "depth": 4, "extra_trees": True}
LARGE_TREES: dict[str, Any] = {"num_leaves": 31, "depth": 6, "extra_trees": False}
# By model, below SMALL_LOG sessions and from there on: twice the rate halves the time of a fit, which is short on few.
RATES: Mapping[str, tuple[float, float]] = {"lightgbm_softmax": (0.05, 0.1), "catboost_softmax": (0.1, 0.2)}


@dataclass(frozen=True)
class Survey:
    """What is decided from: sessions with a booking, those of them that would be scored; the share of the train file's
    sessions whose traveller searched there before, and of the test's whose traveller the train file knows.
    """

    sessions: int
    scored: int
    returning: float
    known: float

    @property
    def has_memory(self) -> bool:
        """Whether people come back: then the past tells, and so would the future."""
        return max(self.returning, self.known) >= RETURNING


@dataclass(frozen=True)
class Plan:
    """``blocks`` of features, and the one that scores start from, if any; ``parameters`` of each model, and ``seeds``
    fits of it; whether a ``trial`` comes before its full fits (ranking/trial.py); ``rows`` of ``sessions`` train, see
    ``cap_rows``.
    """

    validation: Validation
    blocks: tuple[str, ...]
    base_margin: str | None
    parameters: dict[str, dict[str, Any]]
    trial: bool
    patience: int
    seeds: int
    rows: int
    sessions: int
    decisions: tuple[Decision, ...]


def list_known_blocks() -> tuple[str, ...]:
    """All blocks of features, those of your own at the end."""
    return (*BLOCKS, *EXTRA_BLOCKS)


def check_names(config: FlightConfig) -> None:
    """Refuse names of no block."""
    refuse_choice("rank.blocks", config.rank.blocks, list_known_blocks())


def survey_log(train: pl.DataFrame, test: pl.DataFrame) -> Survey:
    """Count the sessions of both files and who comes back."""
    booked = train.filter(pl.col("booked").is_not_null())
    again = 1 - booked["profile"].n_unique() / max(booked.height, 1)
    known = test["profile"].is_in(booked["profile"].unique().implode()).sum() / max(test.height, 1)
    return Survey(booked.height, booked.filter(pl.col("size") > LARGE).height, again, float(known))


def make_plan(train: pl.DataFrame, test: pl.DataFrame, config: FlightConfig, extra: Sequence[str] = ()) -> Plan:
    """Decide what config.toml leaves to the log, from the sessions of both files. ``extra``: the names of your own
    blocks, and not their functions: the plan stays when their code changes.
    """
    survey = survey_log(train, test)
    kind, folds, repeats, way = decide_validation(survey, config)
    lags, ages = decide_lags(train, test, kind, config)
    blocks, margin, features = decide_blocks(survey, config, extra)
    trial, models = decide_models(survey, config)
    parameters, trees = decide_parameters(survey, config)
    patience, seeds, fits = decide_fits(survey, config)
    validation, rows = Validation(kind, folds, repeats, lags), count_training_rows(train, config.rank.sample)
    decisions = (way, *ages, features, *models, trees, fits)
    return Plan(validation, blocks, margin, parameters, trial, patience, seeds, rows, survey.sessions, decisions)


def decide_validation(survey: Survey, config: FlightConfig) -> tuple[str, int, int, Decision]:
    """The way, its folds, and how often they are repeated."""
    way, share, reason = config.split.validation, config.split.valid_share, "set"
    validating = int(survey.scored * share)
    enough = f"{validating:,} scored sessions in the last {share:.0%}"
    if way == AUTO and validating >= ENOUGH_SESSIONS:
        way, reason = "time", enough
    elif way == AUTO:
        way = "blocks" if survey.has_memory and survey.sessions >= LEAST_SESSIONS else "folds"
        people = f"{survey.returning:.0%} of the train sessions, {survey.known:.0%} of the test sessions"
        reason = f"{enough}, fewer than {ENOUGH_SESSIONS:,}; known travellers: {people}"
    folds, repeats, words = 1, 1, "the last sessions"
    if way == "blocks":
        folds = min(max(-(-ENOUGH_SESSIONS // max(validating, 1)), 2), MOST_BLOCKS)
        words = f"{folds} successive blocks of time"
    elif way == "folds":
        folds, repeats = FOLDS, 2 if survey.sessions <= DEALT_TWICE else 1
        words = f"{folds} folds of whole sessions, repeated {repeats} times"
    return way, folds, repeats, Decision("split.validation", words, reason)


def decide_lags(
    train: pl.DataFrame, test: pl.DataFrame, kind: str, config: FlightConfig
) -> tuple[tuple[int, ...], list[Decision]]:
    """The lags that training and validation sessions look back with; folds know no time."""
    if kind == "folds":
        return (0,), []
    if config.split.lags == "none":
        return (0,), [Decision("split.lags", "up to the start of the session's own period", "set")]
    lags = list_lags(train, test, LAG_QUANTILES)
    least, middle, most = (f"{lags[index] / DAY_MS:.0f}" for index in (0, LAG_QUANTILES // 2, -1))
    words = f"bookings {least} to {most} days old at the least, {middle} in the middle"
    why = "so old are those that the test's sessions look back on"
    return tuple(lags.tolist()), [Decision("split.lags", words, why)]


def decide_blocks(
    survey: Survey, config: FlightConfig, extra: Sequence[str] = ()
) -> tuple[tuple[str, ...], str | None, Decision]:
    """The blocks of features, the ``extra`` ones behind them, and the feature that scores start from: the preferences
    where a past tells.
    """
    given, past = config.rank.blocks, ["taste"] if survey.has_memory else []
    blocks = choose_names(given, ("core", "pair", "lift", *past, *extra))
    margin = MARGIN if past and "taste" in blocks else None
    why = "travellers return" if past else "travellers do not return"
    is_set = choose_names(given, ()) == given  # neither auto nor a change of it
    return blocks, margin, Decision("rank.blocks", " ".join(blocks), "set" if is_set else why)


def decide_models(survey: Survey, config: FlightConfig) -> tuple[bool, list[Decision]]:
    """Whether a trial chooses the models; where it does it says so itself."""
    given, many = config.rank.models, survey.sessions >= LARGE_LOG
    is_set = config.rank.known_models == given
    if many and not is_set and len(config.rank.known_models) > 1:
        return True, []
    why = "set" if is_set else f"{survey.sessions:,} sessions with a booking: there is time for all"
    return False, [Decision("rank.models", ", ".join(config.rank.known_models), why)]


def decide_parameters(survey: Survey, config: FlightConfig) -> tuple[dict[str, dict[str, Any]], Decision]:
    """Every model's parameters, with the size of its trees."""
    trees = LARGE_TREES if survey.sessions >= LARGE_LOG else SMALL_TREES
    rates = {model: own[survey.sessions >= SMALL_LOG] for model, own in RATES.items()}
    given = {model: config.rank.parameters_of(model) for model in config.rank.known_models}
    for model, own in given.items():
        if unknown := [key for key, value in own.items() if value == AUTO and key not in {*trees, RATE}]:
            known = ", ".join((*trees, RATE))
            raise UserError(f"rank.{model}.{unknown[0]} cannot be auto: give a value (only {known} can be auto).")
    parameters = {
        model: {key: (trees | {RATE: rates[model]})[key] if value == AUTO else value for key, value in own.items()}
        for model, own in given.items()
    }
    if not any(AUTO in own.values() for own in given.values()):
        return parameters, Decision("trees", "as set", "set")
    words = f"{trees['num_leaves']} leaves, at rates of {', '.join(map(str, rates.values()))}"
    return parameters, Decision("trees", words, f"{survey.sessions:,} sessions with a booking")


def decide_fits(survey: Survey, config: FlightConfig) -> tuple[int, int, Decision]:
    """The patience of a fit, and how many fits of each model are averaged.

    On a small log a fold's likelihood is no smooth curve: it must be given time before the folds can be compared.
    """
    few, given = survey.sessions < SMALL_LOG, config.rank
    patience = SHORT_PATIENCE if survey.sessions >= LARGE_LOG else LONG_PATIENCE if few else PATIENCE
    patience = patience if given.patience == AUTO else int(given.patience)
    seeds = (MANY_SEEDS if few else 1) if given.seeds == AUTO else int(given.seeds)
    why = f"{survey.sessions:,} sessions with a booking" if AUTO in (given.patience, given.seeds) else "set"
    return patience, seeds, Decision("rank.seeds, rank.patience", f"{seeds}, {patience}", why)


def count_training_rows(train: pl.DataFrame, sample: SampleSettings) -> int:
    """The rows that all sessions with a booking and a choice would train with."""
    able = train.filter(pl.col("booked").is_not_null() & (pl.col("size") > 1))
    return int(able["size"].cast(pl.Int64).clip(upper_bound=sample.negatives + 1).sum())


def cap_rows(plan: Plan, most: int | str, total: float) -> Plan:
    """The plan with its rows decided: all, or as many of the latest sessions' as ``most``, or a machine of ``total``
    GiB, allows.

    By all memory, not by what is free today: the same files train the same rows tomorrow. No part of ``make_plan``,
    whose result another machine may be given.
    """
    why = "set"
    if most == AUTO:
        read = OTHER_GIB + READ_GIB * plan.sessions / HOST_SESSIONS
        most = max(int((total * (1 - SYSTEM_SHARE) - read) / MILLION_GIB * 10), 1) * 100_000
        why = "every session with a booking trains"
        if most < plan.rows:
            why = (
                f"of {plan.rows:,} rows those of the latest sessions that a machine of {total:.0f} GiB of memory holds"
            )
    rows = min(int(most), plan.rows)
    return replace(plan, rows=rows, decisions=(*plan.decisions, Decision("rank.sample.rows", f"{rows:,}", why)))
