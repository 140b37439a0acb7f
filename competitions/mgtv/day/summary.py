"""The closing summary: what was read, what each model and each rung of the decision layer scores, where days differ."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.decisions import Decision, list_decisions
from common.engine.run import Result
from common.io.submission import Checked
from common.learning.conditional_logit import Logit
from common.learning.listwise_softmax import find_starts
from common.learning.model_diagnostics import share_gains
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.features.build import Sources
from competitions.mgtv.io import reader
from competitions.mgtv.labels import Floats
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.day_models import DayModels
from competitions.mgtv.models.decision import Predictions
from competitions.mgtv.split import Plan, Slates

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
    """What was read, the plan, the ``labelled`` days with features and their ``slates`` by day, and the slates of the
    test day.
    """

    tables: Tables
    config: MgtvConfig
    decisions: tuple[Decision, ...]
    sources: Result[Sources]
    plan: Plan
    slates: dict[int, Result[Slates]]
    labelled: dict[int, Result[DayFeatures]]
    test_slates: Result[Slates]


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
class Validated:
    """What a run knows once it has validated; results are read from disk when needed.

    ``early``: the models fitted before the validation days, ``valid`` their predictions of each, ``mixed`` their blend.
    """

    files: reader.RawFiles
    config: MgtvConfig
    ready: Prepared
    early: DayModels
    valid: Sequence[Result[Predictions]]
    blend: Result[Logit]
    mixed: Result[list[Floats]]
    measured: Result[Measured]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves: the models fitted on every day, and their predictions of the test day."""

    final: DayModels
    test: Result[Predictions]
    checked: Checked


def measure(
    valid: Sequence[Predictions], mixed: Sequence[Floats], names: Sequence[str], power: float, seed: int
) -> Measured:
    """Everything measured on the ``valid`` days; ``mixed``: the blend's out-of-time probabilities of each."""
    days = [part.day for part in valid]
    alone = {
        name: click_ranker.mix_across(days, [part.scores[:, [i]] for part in valid], [name], 0.0)
        for i, name in enumerate(names)
    }
    models = {name: judge(valid, parts, power) for name, parts in (alone | {"blend": mixed}).items()}
    paired = list(zip(valid, mixed, strict=True))
    by_day = {part.day.day: judge([part], [probabilities], power) for part, probabilities in paired}
    climbed = [decision.climb(part.day, probabilities, part.rewards, seed) for part, probabilities in paired]
    return Measured(models, pool_ladder(climbed), by_day, models["blend"])


def judge(days: Sequence[Predictions], probabilities: Sequence[Floats], power: float) -> Scores:
    """Score, its standard error and hit rate of the full decision, and the mean log likelihood of the answers."""
    scored, likelihoods, sizes = [], [], []
    for part, chances in zip(days, probabilities, strict=True):
        rows = decision.decide(part.day, chances, part.rewards, power)
        scored.append(decision.score_answers(part.day, rows, part.rewards.rate))
        likelihoods.append(click_ranker.mean_log_likelihood(chances, part.day))
        sizes.append(len(part.day.rows.group_sizes))
    hits, scores = (np.concatenate(column) for column in zip(*scored, strict=True))
    return sum_up(hits, scores) | {"log_likelihood": float(np.average(likelihoods, weights=sizes))}


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
    rows, codes = outcome.ready.test_slates.value.rows, outcome.ready.tables.codes.value
    pairs = rows.select(did=codes.devices["did"].gather(rows["device"]), vid=codes.videos["vid"].gather(rows["video"]))
    rates = pairs.join(truth, on=["did", "vid"], how="left", maintain_order="left")["completion_rate"]
    test, labels = outcome.test.value, rates.is_not_null().cast(pl.Float32).to_numpy()
    day = replace(test.day, rows=replace(test.day.rows, labels=labels), rates=rates.fill_null(np.nan).to_numpy())
    probabilities = click_ranker.mix(outcome.blend.value, test.scores, test.day)
    answered = np.add.reduceat(labels, find_starts(day.rows.group_sizes)) > 0
    climbed = decision.climb(day, probabilities, test.rewards, outcome.config.seed)
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


def summarise(outcome: Validated) -> dict[str, Any]:
    """Everything of the closing summary as plain values, for run.json."""
    measured, blend = outcome.measured.value, outcome.blend.value
    names, early = outcome.config.watch.models, outcome.early
    fits = [ranker.value for ranker in early.rankers]
    rounds = {name: ranker.rounds for name, ranker in zip(names, fits, strict=True)}
    return {
        "notes": [note._asdict() for note in list_notes(outcome)],
        "warnings": [text for text in (outcome.ready.tables.comments.value.warning,) if text],
        "cv": measured.final
        | {"devices": sum(len(outcome.ready.labelled[day].value.rows.group_sizes) for day in measured.days)},
        "models": measured.models,
        "ladder": measured.ladder,
        "by_day": {str(day): scores for day, scores in measured.days.items()},
        "rounds": rounds | {"completion": early.completion.value.rounds},
        "blend": {"models": list(names), "weights": dict(zip(names, blend.gain(), strict=True))},
        "days": compare_days(outcome),
        "gains": dict(list(share_gains(fits).items())[:GAINS_SHOWN]),
        "plan": list_decisions(outcome.ready.decisions),
        "board": outcome.files.board,
        **({"submission": describe_submission(outcome.checked)} if isinstance(outcome, Outcome) else {}),
    }


def describe_submission(checked: Checked) -> dict[str, Any]:
    """Where the submission lies."""
    return {"path": str(checked.path), "rows": checked.rows}


def list_notes(outcome: Validated) -> list[reader.Note]:
    """What reading found, the same finding of several days in one row."""
    tables = outcome.ready.tables
    parts = (tables.videos.value, tables.profiles.value, tables.comments.value, tables.test.value)
    notes = [*outcome.files.notes, *(note for part in parts for note in part.notes)]
    pooled: Counter[tuple[str, str]] = Counter()
    for day in (result.value for result in tables.days):
        for note in (*day.notes, *reader.note_long_plays(day, tables.videos.value)):
            pooled[note.what, note.done] += note.rows
    return notes + [reader.Note("the logs of all days", what, rows, done) for (what, done), rows in pooled.items()]


def compare_days(outcome: Validated) -> list[dict[str, Any]]:
    """Labelled days and, of a whole run, the test side by side: where they differ, the score will drift."""
    days = {f"day {day}": result.value for day, result in outcome.ready.labelled.items()}
    if isinstance(outcome, Outcome):
        days["test"] = outcome.test.day.value
    described = {name: _describe_day(day) for name, day in days.items()}
    first = next(iter(described.values()))
    return [{"what": what, **{name: column[what] for name, column in described.items()}} for what in first]


def _describe_day(day: DayFeatures) -> dict[str, float]:
    sizes, rates = day.rows.group_sizes, day.rates[day.rows.labels > 0]
    known, names = rates[rates > 0], day.rows.names
    quartiles = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else np.full(3, np.nan)
    unknown = np.isnan(day.rows.features[:, names.index("device_days")]) if "device_days" in names else np.zeros(1)
    return {
        "devices": float(day.queries),
        "videos shown, mean": _mean(sizes),
        "videos shown, most": float(sizes.max(initial=0)),
        "hit rate of a random pick": _mean(1 / sizes),
        "rate, 25 %": float(quartiles[0]),
        "rate, median": float(quartiles[1]),
        "rate, 75 %": float(quartiles[2]),
        "without a past": _mean(unknown),
    }


def _mean(values: NDArray[Any]) -> float:
    """0 where there is no value."""
    return float(values.mean()) if len(values) else 0.0
