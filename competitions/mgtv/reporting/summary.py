"""The closing summary: what was read, what each model and each rung of the decision layer scores, where days differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from common.pipeline.run import Result
from common.ranking.conditional_logit import Logit
from common.ranking.dataset import RankingDataset
from common.ranking.gbdt import Ranker
from common.ranking.listwise_softmax import find_starts
from common.submission import Checked
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.labels import Floats
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import Served
from competitions.mgtv.models.decision import Values
from competitions.mgtv.split import Asked, Plan

GAINS_SHOWN = 40
Scores = dict[str, float]


@dataclass(frozen=True)
class Tables:
    """What was read, as results of steps."""

    codes: Result[reader.Codes]
    videos: Result[reader.Videos]
    profiles: Result[reader.Profiles]
    comments: Result[reader.Comments]
    days: Sequence[Result[reader.Day]]
    test: Result[reader.Test]


@dataclass(frozen=True)
class Prepared:
    """The tables, the plan, and the served days: ``labelled`` and who is asked (``asks``) by day, and the ``test``."""

    tables: Tables
    plan: Plan
    labelled: dict[int, Result[Served]]
    asks: dict[int, Result[Asked]]
    asked: Result[Asked]
    test: Result[Served]
    fallback: Result[tuple[int, float]]


@dataclass(frozen=True)
class Measured:
    """Scores on the validation days: of each model and the ``blend`` under the full decision, of the decision
    ``ladder`` on the blend, and of the final answer by day.
    """

    models: dict[str, Scores]
    ladder: list[dict[str, Any]]
    days: dict[int, Scores]
    final: Scores


@dataclass(frozen=True)
class Outcome:
    """What a run leaves for its summary; results are read from disk when asked."""

    files: reader.RawFiles
    config: MgtvConfig
    ready: Prepared
    early: Mapping[int, Sequence[Result[Ranker]]]
    completion: Mapping[int, Result[Completion]]
    blend: Result[Logit]
    mixed: Result[list[Floats]]
    values: Sequence[Result[Values]]
    measured: Result[Measured]
    test_scores: Result[Floats]
    test_values: Result[Values]
    answers: Result[pl.DataFrame]
    checked: Checked


def measure(
    days: Sequence[Served],
    scores: Sequence[Floats],
    mixed: Sequence[Floats],
    values: Sequence[Values],
    names: Sequence[str],
    power: float,
    seed: int,
) -> Measured:
    """Everything measured on validation days: out-of-time ``scores`` (rows, models), their ``mixed`` probabilities,
    and the ``values`` of each row.
    """
    alone = {
        name: click_ranker.mix_across(days, [score[:, [place]] for score in scores], [name], 0.0)
        for place, name in enumerate(names)
    }
    models = {name: judge(days, found, values, power) for name, found in (alone | {"blend": mixed}).items()}
    by_day = {
        day.day: judge([day], [found], [value], power) for day, found, value in zip(days, mixed, values, strict=True)
    }
    climbed = [decision.climb(day, found, value, seed) for day, found, value in zip(days, mixed, values, strict=True)]
    return Measured(models, pool_ladder(climbed), by_day, models["blend"])


def judge(days: Sequence[Served], found: Sequence[Floats], values: Sequence[Values], power: float) -> Scores:
    """Score, its standard error and hit rate of the full decision, and the mean log likelihood of the answers."""
    earned = []
    for day, probabilities, value in zip(days, found, values, strict=True):
        rows = decision.pick(decision.weigh(probabilities, value, power), day.rows.group_sizes)
        earned.append(decision.earn(day, rows, value.answer))
    hits, scores = (np.concatenate(column) for column in zip(*earned, strict=True))
    likelihood = np.average(
        [click_ranker.mean_log_likelihood(p, day) for p, day in zip(found, days, strict=True)],
        weights=[len(day.rows.group_sizes) for day in days],
    )
    return sum_up(hits, scores) | {"log_likelihood": float(likelihood)}


def sum_up(hits: Floats, scores: Floats) -> Scores:
    """The score of some devices, its standard error, their hit rate, and the mean s of a hit."""
    return {
        "score": float(scores.mean()),
        "error": float(scores.std() / max(len(scores), 1) ** 0.5),
        "hit_rate": float(hits.mean()),
        "score_of_hits": float(scores.sum() / max(hits.sum(), 1)),
    }


def measure_truth(outcome: Outcome, truth: pl.DataFrame) -> list[dict[str, Any]]:
    """The decision ladder on the test, where a simulation knows the answers: did, vid, completion_rate.

    Devices that were shown nothing have no row here, so that the last cell can be a little above the file's score.
    """
    asked, codes = outcome.ready.asked.value, outcome.ready.tables.codes.value
    rows = asked.rows.select(
        did=codes.devices["did"].gather(asked.rows["device"]), vid=codes.videos["vid"].gather(asked.rows["video"])
    )
    came = rows.join(truth, on=["did", "vid"], how="left", maintain_order="left")["completion_rate"]
    test = outcome.ready.test.value
    labels = came.is_not_null().cast(pl.Float32).to_numpy()
    known = RankingDataset(test.rows.names, test.rows.features, labels, test.rows.group_sizes)
    day = replace(test, rows=known, rates=came.fill_null(np.nan).to_numpy())
    probabilities = click_ranker.mix(outcome.blend.value, outcome.test_scores.value, test)
    answered = np.add.reduceat(labels, find_starts(test.rows.group_sizes)) > 0
    climbed = decision.climb(day, probabilities, outcome.test_values.value, outcome.config.seed)
    return pool_ladder([{cell: (hits[answered], s[answered]) for cell, (hits, s) in climbed.items()}])


def pool_ladder(days: Sequence[Mapping[tuple[str, str], tuple[Floats, Floats]]]) -> list[dict[str, Any]]:
    """One row per way to pick the video, one column per way to answer the rate; devices of all days together."""
    rows = []
    for picked in decision.PICKS:
        row: dict[str, Any] = {"pick": picked}
        for answered in decision.ANSWERS:
            hits, scores = (np.concatenate(part) for part in zip(*(day[picked, answered] for day in days), strict=True))
            row |= {"hit_rate": float(hits.mean())} | {answered: float(scores.mean())}
        rows.append({key: row[key] for key in ("pick", "hit_rate", *decision.ANSWERS)})
    return rows


def summarise(outcome: Outcome) -> dict[str, Any]:
    """Everything of the closing summary as plain values, for run.json."""
    measured, blend = outcome.measured.value, outcome.blend.value
    names = outcome.config.watch.models
    rounds = {
        f"day {day}": dict(zip(names, (fit.value.rounds for fit in fits), strict=True))
        | {"completion": outcome.completion[day].value.rounds}
        for day, fits in outcome.early.items()
    }
    return {
        "notes": [note._asdict() for note in list_notes(outcome)],
        "cv": measured.final
        | {"devices": sum(len(outcome.ready.labelled[day].value.rows.group_sizes) for day in measured.days)},
        "models": measured.models,
        "ladder": measured.ladder,
        "by_day": {str(day): scores for day, scores in measured.days.items()},
        "rounds": rounds,
        "blend": {
            "models": list(names),
            "weights": dict(zip(names, blend.gain(), strict=True)),
        },
        "days": compare_days(outcome),
        "gains": rank_gains([fit.value for fits in outcome.early.values() for fit in fits]),
        "board": outcome.files.board,
        "submission": {"path": str(outcome.checked.path), "rows": outcome.checked.rows},
    }


def list_notes(outcome: Outcome) -> list[reader.Note]:
    """What reading found, the same finding of several days in one row."""
    tables = outcome.ready.tables
    notes = [*outcome.files.notes, *tables.videos.value.notes, *tables.profiles.value.notes]
    notes += [*tables.comments.value.notes, *tables.test.value.notes]
    daily = [
        note
        for day in tables.days
        for note in (*day.value.notes, *reader.note_long_plays(day.value, tables.videos.value))
    ]
    pooled: dict[tuple[str, str], int] = {}
    for note in daily:
        pooled[note.what, note.done] = pooled.get((note.what, note.done), 0) + note.rows
    return notes + [reader.Note("the logs of all days", what, rows, done) for (what, done), rows in pooled.items()]


def rank_gains(rankers: Sequence[Ranker]) -> dict[str, float]:
    """The features with the largest mean share of the models' gain."""
    gains: dict[str, float] = {}
    for ranker in rankers:
        total = sum(ranker.gain.values()) or 1.0
        for name, gain in ranker.gain.items():
            gains[name] = gains.get(name, 0.0) + gain / total / len(rankers)
    return dict(sorted(gains.items(), key=lambda pair: -pair[1])[:GAINS_SHOWN])


def compare_days(outcome: Outcome) -> list[dict[str, Any]]:
    """Served days and the test side by side: where they differ, the score will drift."""
    days = {f"day {day}": served.value for day, served in outcome.ready.labelled.items()}
    days |= {"test": outcome.ready.test.value}
    described = {name: _describe_day(day) for name, day in days.items()}
    return [{"what": what, **{name: column[what] for name, column in described.items()}} for what in described["test"]]


def _describe_day(day: Served) -> dict[str, float]:
    sizes, rates = day.rows.group_sizes, day.rates[day.rows.labels > 0]
    known = rates[rates > 0]
    return {
        "devices": float(day.queries),
        "videos shown, mean": float(sizes.mean()) if len(sizes) else 0.0,
        "videos shown, most": float(sizes.max()) if len(sizes) else 0.0,
        "hit rate of a random pick": float((1 / sizes).mean()) if len(sizes) else 0.0,
        "rate, 25 %": float(np.quantile(known, 0.25)) if len(known) else np.nan,
        "rate, median": float(np.quantile(known, 0.5)) if len(known) else np.nan,
        "rate, 75 %": float(np.quantile(known, 0.75)) if len(known) else np.nan,
        "without a past": float(np.isnan(day.rows.features[:, day.rows.names.index("device_days")]).mean())
        if "device_days" in day.rows.names and len(day.rates)
        else 0.0,
    }
