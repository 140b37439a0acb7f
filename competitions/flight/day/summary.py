"""The closing summary: what was read, how validation compares with the test, what each model scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from common.engine.decisions import list_decisions
from common.learning.gbdt import Ranker
from competitions.flight.day.look_back import count_bookings, note_look_back
from competitions.flight.metrics import LARGE
from competitions.flight.pipeline import Outcome, Validated
from competitions.flight.ranking.blending import Blend

GAINS_SHOWN = 40


def summarise(outcome: Validated) -> dict[str, Any]:
    """Everything of the closing summary as plain values, for run.json."""
    measured, blend = outcome.measured.value, outcome.blend.value
    train, test = outcome.train.value, outcome.test.value
    bookings = count_bookings(outcome.split.value, outcome.snapshots.value)
    notes = [*train.notes, *test.notes, *note_look_back(train.sessions, test.sessions, outcome.split.value, bookings)]
    models = dict(zip(outcome.rungs, measured, strict=True))
    rounds = [cross.value.rounds for cross in outcome.crosses]
    blended = outcome.names[: len(outcome.plan.models)]
    final = measured[-1]
    return {
        "notes": [note._asdict() for note in notes],
        "cv": {"hit_rate@3": final["hit_rate@3"], "error": final["error"], "queries": count_sessions(outcome)},
        "models": models,
        "rounds": dict(zip(outcome.names, rounds, strict=True)),
        "plan": describe_plan(outcome),
        "blend": describe_blend(blended, blend),
        "folds": [*compare_folds(outcome), bookings],
        **(describe_end(outcome, len(blended)) if isinstance(outcome, Outcome) else {}),
    }


def describe_end(outcome: Outcome, blended: int) -> dict[str, Any]:
    """What only a whole run has: the final fits of the ``blended`` models, the submission."""
    return {
        "gains": rank_gains([ranker.value for ranker in outcome.final_rankers[:blended]]),
        "submission": {"path": str(outcome.checked[0].path), "rows": outcome.checked[0].rows},
        "submissions": [str(checked.path) for checked in outcome.checked],
    }


def describe_plan(outcome: Validated) -> list[dict[str, str]]:
    """What was left to the log, what it became and why: one row a setting."""
    rows = list_decisions(outcome.plan.decisions)
    if outcome.choice.likelihoods:
        judged = ", ".join(f"{name} {value:.4f}" for name, value in outcome.choice.likelihoods.items())
        features = outcome.choice.features
        why = f"log likelihood of a booking on validation: {judged}"
        rows.append({"setting": "rank.blocks", "value": " ".join(features.blocks), "why": why})
    return rows


def describe_blend(names: Sequence[str], blend: Blend) -> dict[str, Any]:
    """The blend as plain values."""
    weights = [1 / len(names)] * len(names)
    return {"models": list(names), "weights": [weights], "temperatures": list(blend.temperatures)}


def count_sessions(outcome: Validated) -> dict[str, int]:
    """Sessions with a booking, those of them that validate, the scored ones of these, and the test's."""
    judged = np.unique(outcome.data.value.valid_sessions)
    sessions = outcome.train.value.sessions
    booked = sessions["booked"].is_not_null()
    scored = sessions.filter(pl.col("session").is_in(judged) & (pl.col("size") > LARGE)).height
    counts = {"train": int(booked.sum()), "unused": int((~booked).sum()), "valid": len(judged)}
    return counts | {"valid_scored": scored, "test": outcome.test.value.sessions.height}


def rank_gains(rankers: Sequence[Ranker]) -> dict[str, float]:
    """The features with the largest mean share of the models' gain."""
    gains: dict[str, float] = {}
    for ranker in rankers:
        total = sum(ranker.gain.values()) or 1.0
        for name, gain in ranker.gain.items():
            gains[name] = gains.get(name, 0.0) + gain / total / len(rankers)
    return dict(sorted(gains.items(), key=lambda pair: -pair[1])[:GAINS_SHOWN])


def compare_folds(outcome: Validated) -> list[dict[str, Any]]:
    """Training and validation sessions of the last fold, and the test's: where they differ, the score will drift."""
    roles = outcome.split.value.folds[-1].roles
    train = outcome.train.value.sessions.join(roles, on="session", how="left", maintain_order="left")
    parts = {
        "train": train.filter(role="train"),
        "validation": train.filter(role="valid"),
        "test": outcome.test.value.sessions,
    }
    known = parts["train"]
    columns = {name: describe_sessions(part, known) for name, part in parts.items()}
    return [{"what": what, **{name: column[what] for name, column in columns.items()}} for what in columns["test"]]


def describe_sessions(sessions: pl.DataFrame, known: pl.DataFrame) -> dict[str, float]:
    """Shares and quartiles of some sessions; ``known``: the training sessions, with travellers and routes."""
    size = sessions["size"]
    profiles, routes = known["profile"].unique().implode(), known["route"].drop_nulls().unique().implode()
    return {
        "sessions": float(len(size)),
        "options, quarter": float(size.quantile(0.25) or 0),
        "options, median": float(size.quantile(0.5, "linear") or 0),
        "options, three quarters": float(size.quantile(0.75) or 0),
        "more than 10 options": _mean(size > LARGE),
        "round trip": _mean(sessions["round_trip"]),
        "booked by oneself": _mean(sessions["by_self"]),
        "corporate fares on offer": _mean(sessions["coded"] > 0),
        "traveller in training": _mean(sessions["profile"].is_in(profiles)),
        "route in training": _mean(sessions["route"].is_in(routes).fill_null(False)),
    }


def _mean(values: pl.Series) -> float:
    return float(values.cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]
