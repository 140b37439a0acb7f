"""The closing summary: what was read, what each model and each rung of the decision layer scores, where days differ."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.decisions import list_decisions
from common.io.submission import Checked
from common.learning.listwise_softmax import find_starts
from common.learning.model_diagnostics import share_gains
from competitions.mgtv.io import reader
from competitions.mgtv.metrics import pool_ladder
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import Outcome, Validated

GAINS_SHOWN = 40


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
