"""What a finished MGTV run reports: scores by device and day, models, decisions, days, and why the score is so."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.answers import (
    Answers,
    Example,
    count_within,
    find_best_alone,
    rank_answers,
    rank_models,
    rows_of,
)
from common.day.hosts.simulated import read_oracle
from common.day.judged import Diagnostic, Insight, Judged, Sample, compare_rows, measure_drift, measure_importance
from common.day.run_record import Row, SimulatedTruth, list_notes
from common.engine.decisions import list_decisions
from common.engine.run import collect, derive
from common.io.submission import read_truth
from common.learning.adversarial_validation import Drift
from common.learning.conditional_logit import Logit
from common.learning.dataset import RankingDataset
from common.learning.gbdt import Ranker
from common.learning.listwise_softmax import find_starts
from common.learning.model_diagnostics import Calibration, calibrate, curves, share_gains
from competitions.mgtv import submission
from competitions.mgtv.config import MODELS, MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.labels import Floats, score_rates
from competitions.mgtv.metrics import pool_ladder
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import Outcome, Validated
from competitions.mgtv.simulator.simulate import TRUTH

METRIC = "score"
SAMPLE = Sample(queries=4_000, rows=40_000)
DRIFT_ROWS = 5_000
GAINS_SHOWN = 40
FIRST_FEW, LISTED = 3, 5
SIZES, SIZE_CLASSES = (2, 5, 10, 20), ("1-2", "3-5", "6-10", "11-20", "over 20")  # videos shown at most; the classes


def judge(outcome: Validated, config: MgtvConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    summary = summarise(outcome)
    models = [{"model": name, **scores} for name, scores in summary["models"].items()]
    by_day = [{"model": f"blend, day {day}", **scores} for day, scores in summary["by_day"].items()]
    return Judged(
        metric=METRIC,
        queries=list_queries(outcome),
        ranking=[{key: row[key] for key in ("model", "score", "error")} for row in models],
        tables=[
            ("Models on the validation days, pick P(watch) x E[s], answer max E[s]", [*models, *by_day]),
            ("The decision ladder: rows pick the video, columns the rate", summary["ladder"]),
            ("Days side by side", summary["days"]),
        ],
        notes=list_notes(summary["notes"]),
        features=outcome.valid[-1].day.value.rows.names,
        summary=summary,
        submissions=[outcome.checked] if isinstance(outcome, Outcome) else [],
        insight=explain(outcome) if isinstance(outcome, Outcome) else None,
    )


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per device and validation day: the score of its answer."""
    devices = outcome.ready.tables.codes.value.devices["did"]
    parts = []
    for predicted, probabilities in zip(outcome.valid, outcome.mixed.value, strict=True):
        day, rewards = predicted.day.value, predicted.rewards.value
        rows = decision.decide(day, probabilities, rewards, outcome.config.decide.power)
        queries = outcome.ready.slates[day.day].value.rows.unique("query", keep="first", maintain_order=True)
        parts.append(
            queries.select(
                query=pl.lit(f"{day.day:02d}/") + devices.gather(queries["device"]).cast(pl.String),
                fold=pl.lit(f"day {day.day:02d}"),
                score=pl.Series(decision.score_answers(day, rows, rewards.rate)[1]),
                videos=pl.Series(np.array(SIZE_CLASSES)[np.searchsorted(SIZES, day.rows.group_sizes)]),
            )
        )
    return pl.concat(parts)


# --- the summary ---


def summarise(outcome: Validated) -> Row:
    """Everything else as plain values, for run.json."""
    measured, blend, labelled = outcome.measured.value, outcome.blend.value, outcome.ready.labelled
    fits, completion = [ranker.value for ranker in outcome.early.rankers], outcome.early.completion.value
    checked = outcome.checked if isinstance(outcome, Outcome) else None
    return {
        "notes": [note._asdict() for note in pool_notes(outcome)],
        "warnings": [text for text in (outcome.ready.tables.comments.value.warning,) if text],
        "cv": measured.final | {"devices": sum(len(labelled[day].value.rows.group_sizes) for day in measured.days)},
        "models": measured.models,
        "ladder": measured.ladder,
        "by_day": {str(day): scores for day, scores in measured.days.items()},
        "rounds": {ranker.kind: ranker.rounds for ranker in fits} | {"completion": completion.rounds},
        "blend": {"models": list(MODELS), "weights": dict(zip(MODELS, blend.gain(), strict=True))},
        "days": compare_days(outcome),
        "gains": dict(list(share_gains(fits).items())[:GAINS_SHOWN]),
        "plan": list_decisions(outcome.ready.decisions),
        "board": outcome.files.board,
        **({"submission": {"path": str(checked.path), "rows": checked.rows}} if checked else {}),
    }


def pool_notes(outcome: Validated) -> list[reader.Note]:
    """What reading settled, the same of several days in one row."""
    tables = outcome.ready.tables
    parts = (tables.videos.value, tables.profiles.value, tables.comments.value, tables.test.value)
    notes = [*outcome.files.notes, *(note for part in parts for note in part.notes)]
    pooled: Counter[tuple[str, str]] = Counter()
    for day in (result.value for result in tables.days):
        for note in (*day.notes, *reader.note_long_plays(day, tables.videos.value)):
            pooled[note.what, note.done] += note.rows
    return notes + [reader.Note("the logs of all days", what, rows, done) for (what, done), rows in pooled.items()]


def compare_days(outcome: Validated) -> list[Row]:
    """Labelled days and, of a whole run, the test side by side: where they differ, the score will drift."""
    days = {f"day {day}": result.value for day, result in outcome.ready.labelled.items()}
    if isinstance(outcome, Outcome):
        days["test"] = outcome.test.day.value
    columns = {name: _measure_day(day) for name, day in days.items()}
    first = next(iter(columns.values()))
    return [{"what": what, **{name: column[what] for name, column in columns.items()}} for what in first]


def _measure_day(day: DayFeatures) -> dict[str, float]:
    sizes, rates = day.rows.group_sizes, day.rates[day.rows.labels > 0]
    known, names = rates[rates > 0], day.rows.names
    quartiles = np.quantile(known, [0.25, 0.5, 0.75]).tolist() if len(known) else [np.nan] * 3
    unknown = np.isnan(day.rows.features[:, names.index("device_days")]) if "device_days" in names else np.zeros(1)
    return {
        "devices": float(day.queries),
        "videos shown, mean": _mean(sizes),
        "videos shown, most": float(sizes.max(initial=0)),
        "hit rate of a random pick": _mean(1 / sizes),
        **dict(zip(("rate, 25 %", "rate, median", "rate, 75 %"), quartiles, strict=True)),
        "without a past": _mean(unknown),
    }


def _mean(values: NDArray[Any]) -> float:
    """0 where there is no value."""
    return float(values.mean()) if len(values) else 0.0


# --- the simulated truth ---


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files, and those of other picks and answers."""
    path, truth, oracle = outcome.checked.path, raw / TRUTH, read_oracle(raw)
    scores, queries = submission.score_submission(path, truth), submission.score_queries(path, truth)
    ladder = measure_truth(outcome, read_truth(truth, submission.TRUTH_COLUMNS, "did"))
    keys = {"p = 0": "score_0", "p = 1": "score_1", "mean": "score_mean", "median": "score_median", "max E[s]": "score"}
    best = {"pick": "oracle", "hit_rate": oracle["hit_rate"], **{name: oracle[key] for name, key in keys.items()}}
    title = "The decision ladder on the simulated truth, refitted on everything; who was shown nothing counts 0"
    tables = [(title, [*ladder, best])]
    return SimulatedTruth(scores["score"], scores["score_error"], oracle["score"], scores, queries, tables)


def measure_truth(outcome: Outcome, truth: pl.DataFrame) -> list[Row]:
    """The decision ladder on the test, where a simulation knows the answers: did, vid, completion_rate.

    A device that was shown nothing has no row to pick and counts 0 here; in the file it has the fallback's answer.
    """
    rows, codes = outcome.ready.test_slates.value.rows, outcome.ready.tables.codes.value
    pairs = rows.select(did=codes.devices["did"].gather(rows["device"]), vid=codes.videos["vid"].gather(rows["video"]))
    rates = pairs.join(truth, on=["did", "vid"], how="left", maintain_order="left")["completion_rate"]
    test, labels = outcome.test.value, rates.is_not_null().cast(pl.Float32).to_numpy()
    day = replace(test.day, rows=replace(test.day.rows, labels=labels), rates=rates.fill_null(np.nan).to_numpy())
    probabilities = click_ranker.mix(outcome.blend.value, test.scores, test.day)
    answered = np.add.reduceat(labels, find_starts(day.rows.group_sizes)) > 0
    climbed = decision.climb(day, probabilities, test.rewards, outcome.config.seed)
    rest = (0, truth.height - int(answered.sum()))
    padded = {
        cell: (np.pad(hits[answered], rest), np.pad(scores[answered], rest)) for cell, (hits, scores) in climbed.items()
    }
    return pool_ladder([padded])


# --- why the score is so ---


def explain(outcome: Outcome) -> Insight:
    """What the choice goes by, how days differ, where right videos are lost, what predictions are worth.

    Drift is of the last training day: a statistic of a day has one value on it and tells any two days apart, so that
    day against the last labelled one stands beside it.
    """
    ready, rankers = outcome.ready, collect(outcome.early.rankers)
    before, last = ready.plan.train[-1], ready.plan.valid[-1]
    train, valid, test = ready.labelled[before].rows, ready.labelled[last].rows, outcome.test.day.rows
    days = collect([ready.labelled[day] for day in ready.plan.valid])
    sizes = np.concatenate([day.rows.group_sizes for day in days.value])
    between = f"the labelled days {before} and {last}"
    reference = derive(compare_labelled, one=train, other=valid)
    return Insight(
        importance=Diagnostic(measure_importance, (valid, rankers, outcome.blend, mix, SAMPLE)),
        drift=Diagnostic(measure_drift, (train, test, reference, between, DRIFT_ROWS)),
        alone=Diagnostic(rank_alone, (days, rankers)),
        curves=curves({ranker.kind: ranker for ranker in rankers.value}, sizes),
        calibration=calibrate_days(outcome),
        answers=list_answers(outcome),
        cutoff=1,
    )


def mix(blend: Logit, scores: Floats, sizes: NDArray[np.int32]) -> Floats:
    """The blend's utilities (rows,) of the rankers' scores."""
    return blend.predict(scores.astype(np.float32))


def rank_alone(days: Sequence[DayFeatures], rankers: Sequence[Ranker]) -> list[Row]:
    """The feature whose first video alone scores most where every video is answered to be watched to its end."""
    scores = [score_rates(day.rates.astype(np.float64), np.ones(1)) * day.rows.labels for day in days]
    right = np.concatenate(
        [np.add.reduceat(s, find_starts(day.rows.group_sizes)) for s, day in zip(scores, days, strict=True)]
    )
    parts, gains = [day.rows for day in days], list(share_gains(rankers))
    return find_best_alone(parts, gains, (), lambda ranks: float(np.where(ranks == 1, right, 0.0).mean()))


def compare_labelled(one: RankingDataset, other: RankingDataset) -> Drift | None:
    """How far the rows of two labelled days differ, by every feature."""
    return compare_rows(one, other, DRIFT_ROWS, len(one.names))


def calibrate_days(outcome: Outcome) -> list[Calibration]:
    """P(watch) beside the share that was watched, and the expected score of a right answer beside its score."""
    watched, expected, scores = [], [], []
    for day, rewards in ((part.day.value, part.rewards.value) for part in outcome.valid):
        right = day.rows.labels > 0
        watched.append(right.astype(np.float64))
        expected.append(rewards.expected[right])
        scores.append(score_rates(day.rates[right], rewards.rate[right]))
    return [
        calibrate("P(watch)", np.concatenate(outcome.mixed.value), np.concatenate(watched)),
        calibrate("E[s] of the right video", np.concatenate(expected), np.concatenate(scores)),
    ]


def list_answers(outcome: Outcome) -> Answers:
    """Where the right videos are lost by P(watch) x E[s], of which the first is answered, and some slates in words."""
    power = outcome.config.decide.power
    parts = [part.value for part in outcome.valid]
    values = [
        decision.expected_score(mixed, part.rewards, power)
        for part, mixed in zip(parts, outcome.mixed.value, strict=True)
    ]
    rows = [part.day.rows for part in parts]
    answered = [rank_answers(of, day.labels, day.group_sizes) for day, of in zip(rows, values, strict=True)]
    alone = [rank_models(MODELS, part.scores, part.day.rows) for part in parts]
    ranks, models = np.concatenate(answered), {name: np.concatenate([day[name] for day in alone]) for name in MODELS}
    owners = [(number, query) for number, day in enumerate(rows) for query in range(len(day.group_sizes))]
    before = [
        ("asked", sum(part.day.queries for part in parts)),
        ("among the videos shown", int((ranks > 0).sum())),
        (f"in the first {FIRST_FEW}", count_within(ranks, FIRST_FEW)),
    ]
    return Answers(ranks, before, lambda number: describe_slate(outcome, *owners[number], values), models)


def describe_slate(outcome: Outcome, number: int, query: int, values: list[Floats]) -> Example:
    """One slate in words: the videos by expected score, the one that was watched, and how much of it."""
    predicted, tables = outcome.valid[number].value, outcome.ready.tables
    day, codes, videos = predicted.day, tables.codes.value, tables.videos.value.frame
    rows = rows_of(day.rows.group_sizes, query)
    slate = outcome.ready.slates[day.day].value.rows[rows]
    rates, right = predicted.rewards.rate[rows], int(day.rows.labels[rows].argmax())
    order = np.argsort(-values[number][rows], kind="stable")
    names = [name_video(codes.videos["vid"][code], videos.row(code, named=True)) for code in slate["video"].to_list()]
    device, watched = codes.devices["did"][int(slate["device"][0])], float(day.rates[rows][right])
    context = f"{len(names)} videos shown, share answered {rates[order[0]]:.0%}"
    context += "" if np.isnan(watched) else f", {watched:.0%} of the right one was watched"
    return Example(
        f"Device {str(device)[:8]}, day {day.day}:", context, [names[row] for row in order[:LISTED]], names[right]
    )


def name_video(vid: object, row: dict[str, Any]) -> str:
    """A video's id, its programme and its length."""
    parts = [f"programme {row['collection']}"] if row["collection"] is not None else []
    parts += [f"episode {row['serial']}"] if row["serial"] is not None else []
    parts += [f"{row['duration']:,.0f} s"] if row["duration"] is not None else []
    return f"video {vid}" + (f" ({', '.join(parts)})" if parts else "")
