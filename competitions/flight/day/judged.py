"""What a finished flight run reports: models side by side, and why the score is so."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from operator import getitem
from pathlib import Path

import numpy as np
import polars as pl

from common.day.evidence import BLEND
from common.day.hosts import TRUTH
from common.day.judged import Judged, measure_importance
from common.day.record_schema import Row, Scored
from common.day.run_record import SimulatedTruth
from common.engine.run import collect, derive
from common.io.notes import Note
from common.io.tables import scan_csv, scan_parquet
from common.learning.blending import blend_scores
from common.learning.diagnostics import Calibration
from common.learning.gbdt import Ranker
from common.learning.model_diagnostics import calibrate, curves
from common.simulation.oracle import read_oracle
from competitions.flight import submission
from competitions.flight.config import XGBOOST, FlightConfig
from competitions.flight.day.validation import collect_evidence, list_queries, merge_twins
from competitions.flight.io.schema import TEST
from competitions.flight.metrics import CUTOFF, LARGE, measure
from competitions.flight.pipeline import Outcome, Validated
from competitions.flight.plan import LARGE_LOG
from competitions.flight.ranking.blending import measure_test
from competitions.flight.ranking.rankers import CrossFit
from competitions.flight.split import find_test_start

SECOND = f"{XGBOOST}, the second file"
METRIC = f"HitRate@{CUTOFF}"
METRIC_KEY = f"hit_rate@{CUTOFF}"
MEANING = f"the share of searches with more than {LARGE} options whose booked option is in the first {CUTOFF}"
SHUFFLED = 200, 12_000  # queries and their options, at most
Rates = Mapping[str, float]


def judge(outcome: Validated, config: FlightConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    models = dict(zip([*outcome.names, BLEND], outcome.measured.value, strict=True))
    judged = Judged(
        metric=METRIC,
        meaning=MEANING,
        fits=1 if outcome.plan.sessions >= LARGE_LOG or outcome.split.value.repeats > 1 else 2,
        queries=list_queries(outcome),
        evidence=lambda: collect_evidence(outcome),
        ranking=[Scored(name, row["hit_rate@3"], row["error"]) for name, row in models.items()],
        plan=lambda: [*outcome.plan.decisions, outcome.chain.value.decision],
        tables=lambda: [
            (
                f"HitRate@3 on validation ({outcome.split.value.name}), by group size",
                list_models(models | measure_second(outcome)),
            )
        ],
        notes=lambda: [*outcome.train.value.notes, *outcome.test.value.notes, *note_early(outcome)],
        features=lambda: outcome.data.value.folds[0].valid.names,
        summary=lambda: {"blend": {"models": list(outcome.names), **asdict(outcome.blend.value)}},
    )
    return explain(judged, outcome) if isinstance(outcome, Outcome) else judged


def measure_second(outcome: Validated) -> dict[str, Rates]:
    """The hit rates of the model of a second file, where there is one."""
    if outcome.second is None:
        return {}
    data, scores = outcome.data.value, np.concatenate(outcome.second.value.scores)
    own = outcome.split.value.searches[data.valid_sessions]
    return {SECOND: measure(scores, data.labels, data.group_sizes, own)}


def list_models(models: Mapping[str, Rates]) -> list[Row]:
    """One row per model: the hit rates, behind that of the metric its standard error."""
    rows = []
    for name, scores in models.items():
        row: Row = {"model": name}
        for key in (key for key in scores if key.startswith("hit_rate")):
            row[key.removeprefix("hit_rate")] = scores[key]
            if key == METRIC_KEY:
                row[f"@{CUTOFF} error"] = scores["error"]
        rows.append(row)
    return rows


def note_early(outcome: Validated) -> list[Note]:
    """Test sessions from before the end of the train file."""
    train, test = outcome.train.value.sessions, outcome.test.value.sessions
    early = int((test["time"] < find_test_start(train, test)).sum())
    if outcome.split.value.cross_fitted or not early:
        return []
    done = "use bookings up to the start of their own period"
    return [Note(TEST, "sessions with a requestDate before the end of the train file", early, done)]


# --- the simulated truth ---


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's and each model's scores on the truth of simulated raw files."""
    path, truth, oracle = outcome.checked[0].path, raw / TRUTH, read_oracle(raw)
    scores, booked = submission.score_submission(path, truth), find_booked(outcome.files.test, truth)
    measured = measure_test(outcome.test.value, outcome.test_scores.value, booked, outcome.blend.value)
    rates = {name: rate for name, rate in oracle.details.items() if name in scores}
    best = {"oracle": rates | {"error": oracle.error}}
    error = measured[-1]["error"]  # of the submission's own scores, whose twins count as one
    if outcome.second is not None:
        own = submission.score_submission(outcome.checked[-1].path, truth)
        best = {
            SECOND: {key: own[key] for key in measured[-1] if key in own} | {"error": own["hit_rate@3_error"]}
        } | best
    rows = list_models(dict(zip([*outcome.names, BLEND], measured, strict=True)) | best)
    return SimulatedTruth(
        scores["hit_rate@3"],
        error,
        oracle.score,
        scores | {"hit_rate@3_error": error},
        merge_twins(submission.score_queries(path, truth), outcome.test.value.sessions),
        [("HitRate@3 on the simulated truth, after the refit on all data", rows)],
    )


def find_booked(test: Path, truth: Path) -> pl.Series:
    """The rows of the test file that were booked."""
    ids = scan_csv(truth).select("Id")
    rows = scan_parquet(test).select("Id").with_row_index("row")
    return rows.join(ids, on="Id", how="semi").select(pl.col("row").cast(pl.Int64)).collect()["row"]


# --- why the score is so ---


def explain(judged: Judged, outcome: Outcome) -> Judged:
    """With its submission, what the blend goes by, on the last fold."""
    folds = outcome.data.field("folds")
    rows = derive(getitem, folds, -1).field("valid")
    rankers = collect([derive(getitem, cross.field("rankers"), -1) for cross in outcome.crosses])
    names = outcome.data.value.folds[-1].valid.names
    return replace(
        judged,
        submissions=outcome.checked,
        importance=(measure_importance, rows, rankers, *SHUFFLED, blend_scores, outcome.blend),
        given=[name for name in names if name.startswith("taste_")],  # a logit's utilities, before rankers
        curves=lambda: curves(
            {name: watch_folds(cross.value) for name, cross in zip(outcome.names, outcome.crosses, strict=True)}
        ),
        calibration=lambda: [calibrate_bookings(outcome)],
    )


def calibrate_bookings(outcome: Validated) -> Calibration:
    """P(booked) by the blend beside the share that was booked."""
    data = outcome.data.value
    booked = np.exp(blend_scores(outcome.blend.value, outcome.scores.value, data.group_sizes))
    return calibrate("P(booked)", booked, data.labels.astype(np.float64))


def watch_folds(cross: CrossFit) -> Ranker:
    """The ranker of the last fold, with the mean curve of the folds and the rounds that it chose."""
    return replace(cross.rankers[-1], curve=cross.curve, rounds=cross.rounds, metric=cross.metric)
