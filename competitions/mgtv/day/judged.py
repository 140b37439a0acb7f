"""What a finished MGTV run reports: scores by device and day, models, decisions, days, and why the score is so."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats
from common.day.answers import (
    Answers,
    Example,
    count_within,
    rank_answers,
    rows_of,
    share_behind,
)
from common.day.hosts import TRUTH
from common.day.judged import Diagnostic, Insight, Judged, Sample, compare_rows, measure_drift, measure_importance
from common.day.run_record import Row, SimulatedTruth
from common.engine.decisions import list_decisions
from common.engine.run import collect, derive
from common.learning.adversarial_validation import Drift
from common.learning.conditional_logit import Logit
from common.learning.dataset import RankingDataset
from common.learning.model_diagnostics import Calibration, calibrate, curves, share_gains
from common.simulation.oracle import read_oracle
from competitions.mgtv import submission
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.day.rows import list_rivals, list_rows
from competitions.mgtv.io import reader
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models import decision
from competitions.mgtv.models.click_ranker import MODEL
from competitions.mgtv.pipeline import Outcome, Validated

METRIC = "score"
MEANING = (
    "1 / (1 + sqrt(|t - p| / t)) if the video is the one that was watched (t: the share of it that was played, p: the"
    " predicted share), else 0; the mean over devices"
)
SAMPLE = Sample(queries=4_000, rows=40_000)
DRIFT_ROWS = 5_000
GAINS_SHOWN = 40
FIRST_FEW, LISTED = 3, 5
SIZES, SIZE_CLASSES = (2, 5, 10, 20), ("1-2", "3-5", "6-10", "11-20", "over 20")  # videos shown at most; the classes


def judge(outcome: Validated, config: MgtvConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    summary = summarise(outcome)
    queries = list_queries(outcome)
    final = {"model": MODEL, **summary["models"][MODEL]}
    by_day = [{"model": f"{MODEL}, day {day}", **scores} for day, scores in summary["by_day"].items()]
    return Judged(
        metric=METRIC,
        meaning=MEANING,
        rivals=list_rivals(outcome),
        queries=queries.drop("behind"),
        behind=queries["behind"],
        ranking=[{key: final[key] for key in ("model", "score", "error")}],
        tables=[
            ("The validation days: video by P(watch) x E[s], share by max E[s]", [final, *by_day]),
            ("Decision rules: rows choose the video, columns the share", summary["ladder"][1:]),  # random is a rival
        ],
        notes=pool_notes(outcome),
        features=outcome.valid[-1].value.day.rows.names,
        summary=summary,
        submissions=[outcome.checked] if isinstance(outcome, Outcome) else [],
        insight=explain(outcome) if isinstance(outcome, Outcome) else None,
    )


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per device and validation day: the score of its answer, and which share of its other videos stand
    ``behind`` the right one.
    """
    devices = outcome.ready.tables.codes.value.devices["did"]
    parts = []
    for kept, probabilities in zip(outcome.valid, outcome.mixed.value, strict=True):
        predicted = kept.value
        day, rewards = predicted.day, predicted.rewards
        rows = decision.decide(day, probabilities, rewards)
        values = decision.expected_score(probabilities, rewards)
        ranks = rank_answers(values, day.rows.labels, day.rows.group_sizes)
        queries = outcome.ready.slates[day.day].value.rows.unique("query", keep="first", maintain_order=True)
        parts.append(
            queries.select(
                query=pl.lit(f"{day.day:02d}/") + devices.gather(queries["device"]).cast(pl.String),
                fold=pl.lit(f"day {day.day:02d}"),
                score=pl.Series(decision.score_answers(day, rows, rewards.rate)[1]),
                videos=pl.Series(np.array(SIZE_CLASSES)[np.searchsorted(SIZES, day.rows.group_sizes)]),
                behind=pl.Series(share_behind(ranks, day.rows.group_sizes)),
            )
        )
    return pl.concat(parts)


# --- the summary ---


def summarise(outcome: Validated) -> Row:
    """Everything else as plain values, for run.json."""
    measured, labelled, blend = outcome.measured.value, outcome.ready.labelled, outcome.blend.value
    ranker, completion = outcome.early.ranker.value, outcome.early.completion.value
    checked = outcome.checked if isinstance(outcome, Outcome) else None
    return {
        "warnings": [text for text in (outcome.ready.tables.comments.value.warning,) if text],
        "cv": measured.final | {"devices": sum(len(labelled[day].value.rows.group_sizes) for day in measured.days)},
        "models": {MODEL: measured.final},
        "ladder": measured.ladder,
        "by_day": {str(day): scores for day, scores in measured.days.items()},
        "rounds": {MODEL: ranker.rounds, "completion": completion.rounds},
        "blend": {"models": [MODEL], "weights": {MODEL: blend.gain()[0]}},
        "gains": dict(list(share_gains([ranker]).items())[:GAINS_SHOWN]),
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


# --- the simulated truth ---


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth = outcome.checked.path, raw / TRUTH
    scores, queries = submission.score_submission(path, truth), submission.score_queries(path, truth)
    return SimulatedTruth(scores["score"], scores["score_error"], read_oracle(raw).score, scores, queries)


# --- why the score is so ---


def explain(outcome: Outcome) -> Insight:
    """What the choice goes by, how days differ, where right videos are lost, what predictions are worth.

    Drift is of the last training day: a statistic of a day has one value on it and tells any two days apart, so that
    day against the last labelled one stands beside it.
    """
    ready, rankers = outcome.ready, collect([outcome.early.ranker])
    before, last = ready.plan.train[-1], ready.plan.valid[-1]
    days = ready.labelled[before], ready.labelled[last], outcome.test.field("day")
    train, valid, test = (day.field("rows") for day in days)
    between = f"the labelled days {before} and {last}"
    reference = derive(compare_labelled, train, valid)
    return Insight(
        importance=Diagnostic(measure_importance, (valid, rankers, outcome.blend, mix, SAMPLE)),
        drift=Diagnostic(measure_drift, (train, test, reference, between, DRIFT_ROWS)),
        curves=curves({MODEL: outcome.early.ranker.value}),
        calibration=calibrate_days(outcome),
        answers=list_answers(outcome),
        cutoff=1,
        rows=lambda: list_rows(outcome),
    )


def mix(blend: Logit, scores: Floats, sizes: NDArray[np.int32]) -> Floats:
    """The calibrated utilities (rows,) of the ranker's scores."""
    return blend.predict(scores.astype(np.float32))


def compare_labelled(one: RankingDataset, other: RankingDataset) -> Drift | None:
    """How far the rows of two labelled days differ, by every feature."""
    return compare_rows(one, other, DRIFT_ROWS, len(one.names))


def calibrate_days(outcome: Outcome) -> list[Calibration]:
    """P(watch) beside the share that was watched, and the expected score of a right answer beside its score."""
    watched, expected, scores = [], [], []
    for part in (kept.value for kept in outcome.valid):
        day, rewards = part.day, part.rewards
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
    parts = [part.value for part in outcome.valid]
    pairs = zip(parts, outcome.mixed.value, strict=True)
    values = [decision.expected_score(mixed, part.rewards) for part, mixed in pairs]
    rows = [part.day.rows for part in parts]
    answered = [rank_answers(of, day.labels, day.group_sizes) for day, of in zip(rows, values, strict=True)]
    ranks = np.concatenate(answered)
    owners = [(number, query) for number, day in enumerate(rows) for query in range(len(day.group_sizes))]
    before = [
        ("all queries", sum(part.day.queries for part in parts)),
        ("among the videos shown", int((ranks > 0).sum())),
        (f"in the first {FIRST_FEW}", count_within(ranks, FIRST_FEW)),
    ]
    return Answers(ranks, before, lambda number: describe_slate(outcome, *owners[number], values))


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
    context = f"{len(names)} videos shown; predicted share {rates[order[0]]:.0%}"
    context += "" if np.isnan(watched) else f", true share {watched:.0%}"
    return Example(
        f"Device {str(device)[:8]}, day {day.day}:", context, [names[row] for row in order[:LISTED]], names[right]
    )


def name_video(vid: object, row: dict[str, Any]) -> str:
    """A video's id, its programme and its length."""
    parts = [f"programme {row['collection']}"] if row["collection"] is not None else []
    parts += [f"episode {row['serial']}"] if row["serial"] is not None else []
    parts += [f"{row['duration']:,.0f} s"] if row["duration"] is not None else []
    return f"video {vid}" + (f" ({', '.join(parts)})" if parts else "")
