"""What a finished flight run reports: hits by session, models side by side, folds, and why the score is so."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from common.day.answers import (
    is_within,
    rank_answers,
    share_behind,
)
from common.day.hosts import TRUTH
from common.day.judged import Diagnostic, Insight, Judged, Sample, count_first, measure_drift, measure_importance
from common.day.run_record import WEIGHT, Row, SimulatedTruth
from common.engine.decisions import list_decisions
from common.engine.run import collect, derive
from common.io.notes import Note
from common.io.tables import scan_csv, scan_parquet
from common.learning.adversarial_validation import Drift, compare_halves
from common.learning.dataset import RankingDataset, take_blocks, to_matrix
from common.learning.gbdt import Ranker
from common.learning.model_diagnostics import calibrate, curves, share_gains
from common.simulation.oracle import read_oracle
from competitions.flight import submission
from competitions.flight.config import FlightConfig
from competitions.flight.day.answers import blend_valid, list_answers
from competitions.flight.day.folds import count_bookings, count_sessions, note_look_back
from competitions.flight.day.rows import list_rivals, list_rows
from competitions.flight.features.booking_history import LOOK_BACK, History
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF, LARGE, classify_size
from competitions.flight.pipeline import Outcome, Validated
from competitions.flight.ranking.blending import blend_scores, measure_test
from competitions.flight.ranking.cross_validation import CrossFit
from competitions.flight.ranking.training_data import FoldData
from competitions.flight.split import Snapshots, number_searches

METRIC = f"HitRate@{CUTOFF}"
METRIC_KEY = f"hit_rate@{CUTOFF}"
MEANING = f"the share of searches with more than {LARGE} options whose booked option is in the first {CUTOFF}"
SAMPLE = Sample(queries=200, rows=12_000)
DRIFT_ROWS = 40_000  # of the test that are built; fewer are drawn, whole sessions
GAINS_SHOWN = 40
Rates = Mapping[str, float]


def judge(outcome: Validated, config: FlightConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    summary = summarise(outcome)
    models, queries, data = summary["models"], list_queries(outcome), outcome.data.value
    return Judged(
        metric=METRIC,
        meaning=MEANING,
        rivals=list_rivals(outcome),
        queries=queries.drop("behind"),
        behind=queries["behind"],
        ranking=[{"model": name, "score": row["hit_rate@3"], "error": row["error"]} for name, row in models.items()],
        tables=[
            ("Settings decided from the data", summary["plan"]),
            (
                f"HitRate@3 on validation ({outcome.split.value.name}), by group size",
                list_models(models),
            ),
        ],
        notes=list_notes(outcome),
        features=data.valid.names,
        summary=summary,
        submissions=outcome.checked if isinstance(outcome, Outcome) else [],
        insight=explain(outcome) if isinstance(outcome, Outcome) else None,
    )


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per validation search with more than ten options: how often the booked one is among the first three,
    and which share of the other options stands ``behind`` it; ``weight``: the sessions of the search.

    Twin sessions are one row, named by the first, so that they count as one in an error; repeated folds judge a
    session several times.
    """
    data, train = outcome.data.value, outcome.train.value.sessions
    ranks = rank_answers(blend_valid(outcome), data.valid.labels, data.valid.group_sizes)
    judged = pl.DataFrame(
        {
            "session": data.valid_sessions,
            "score": is_within(ranks, CUTOFF).astype(np.float64),
            "behind": share_behind(ranks, data.valid.group_sizes),
            "fold": name_folds(outcome),
        }
    )
    each = judged.cast({"session": pl.Int32}).group_by("session", "fold", maintain_order=True)
    sessions = (
        each.agg(pl.col("score", "behind").mean())
        .join(train, on="session", how="left", maintain_order="left")
        .filter(pl.col("size") > LARGE)
    )
    rows = sessions.select(
        query=pl.col("ranker_id").cast(pl.String),
        fold="fold",
        score=pl.col("score"),
        options=classify_size(pl.col("size")),
        trip=pl.when("round_trip").then(pl.lit("return")).otherwise(pl.lit("one way")),
        traveller=mark_known(train),
        behind="behind",
    )
    return merge_twins(rows, train)


def merge_twins(queries: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a search of queries that are one a session, with the mean of its numbers; ``weight``: its sessions."""
    numbers = sessions.select(query=pl.col("ranker_id").cast(pl.String), search=pl.Series(number_searches(sessions)))
    merged = [pl.col(pl.Float64).mean(), pl.col(pl.String).first(), pl.len().cast(pl.Float64).alias(WEIGHT)]
    return (
        queries.join(numbers, on="query", maintain_order="left")
        .group_by("search", maintain_order=True)
        .agg(*merged)
        .drop("search")
    )


def name_folds(outcome: Validated) -> pl.Series:
    """The fold of each validation session: its period of time; of repeated folds their common name."""
    data, split, times = outcome.data.value, outcome.split.value, outcome.train.value.sessions["time"]
    names = []
    for fold in data.folds:
        days = times.gather(fold.sessions).cast(pl.Datetime("ms")).sort().dt.strftime("%m-%d")
        names += [split.name if split.cross_fitted else f"{days[0]} to {days[-1]}"] * len(fold.sessions)
    return pl.Series(names, dtype=pl.String)


def mark_known(sessions: pl.DataFrame) -> pl.Expr:
    """Whether a session's traveller had booked before it, in words."""
    first = sessions.filter(pl.col("booked").is_not_null()).group_by("profile").agg(pl.col("time").min())
    earliest = pl.col("profile").replace_strict(first["profile"], first["time"], default=None)
    return pl.when(earliest < pl.col("time")).then(pl.lit("has booked")).otherwise(pl.lit("is new"))


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


def list_notes(outcome: Validated) -> list[Note]:
    """What reading settled, and where the test looks back on other bookings than validation does."""
    train, test = outcome.train.value, outcome.test.value
    bookings = count_bookings(outcome.split.value, outcome.snapshots.value)
    return [*train.notes, *test.notes, *note_look_back(train.sessions, test.sessions, outcome.split.value, bookings)]


# --- the summary ---


def summarise(outcome: Validated) -> Row:
    """Everything else as plain values, for run.json."""
    measured, blend = outcome.measured.value, outcome.blend.value
    rounds = [cross.value.rounds for cross in outcome.crosses]
    final = measured[-1]
    summary: Row = {
        "cv": {"hit_rate@3": final["hit_rate@3"], "error": final["error"], "queries": count_sessions(outcome)},
        "models": dict(zip(outcome.rungs, measured, strict=True)),
        "rounds": dict(zip(outcome.names, rounds, strict=True)),
        "plan": list_plan(outcome),
        "blend": {
            "models": list(outcome.names),
            "method": blend.method,
            "weights": [list(blend.weights)],
            "likelihoods": dict(blend.likelihoods),
            "temperatures": list(blend.temperatures),
        },
        "bookings": count_bookings(outcome.split.value, outcome.snapshots.value),
    }
    if isinstance(outcome, Outcome):
        gains = share_gains([ranker.value for ranker in outcome.final_rankers])
        summary |= {
            "gains": dict(list(gains.items())[:GAINS_SHOWN]),
            "submission": {"path": str(outcome.checked[0].path), "rows": outcome.checked[0].rows},
            "submissions": [str(checked.path) for checked in outcome.checked],
        }
    return summary


def list_plan(outcome: Validated) -> list[dict[str, str]]:
    """What was left to the log, what it became and why: one row a setting."""
    rows = list_decisions(outcome.plan.decisions)
    if outcome.choice.likelihoods:
        likelihoods = ", ".join(f"{name} {value:.4f}" for name, value in outcome.choice.likelihoods.items())
        why = f"log likelihood of a booking on validation: {likelihoods}"
        rows.append({"setting": "rank.blocks", "value": " ".join(outcome.choice.features.blocks), "why": why})
    return rows


# --- the simulated truth ---


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's and each model's scores on the truth of simulated raw files."""
    path, truth, oracle = outcome.checked[0].path, raw / TRUTH, read_oracle(raw)
    scores, booked = submission.score_submission(path, truth), find_booked(outcome.files.test, truth)
    measured = measure_test(outcome.test.value, outcome.test_scores.value, booked, outcome.blend.value)
    rates = {name: rate for name, rate in oracle.details.items() if name in scores}
    best = {"oracle": rates | {"error": oracle.error}}
    error = measured[-1]["error"]  # of the submission's own scores, whose twins count as one
    rows = list_models(dict(zip(outcome.rungs, measured, strict=True)) | best)
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


def explain(outcome: Outcome) -> Insight:
    """What the blend goes by and how validation and test differ, on the last fold; where booked options are lost.

    Drift leaves out what is looked up in bookings: validation looks back on fewer than the test, whatever is searched.
    """
    folds = outcome.data.field("folds")
    rows = derive(take_last, folds)
    rankers = derive(take_rankers, collect(outcome.crosses))
    reference = derive(compare_periods, folds, outcome.train)
    own = derive(drop_look_back, rows)
    first = derive(build_first, outcome.test, outcome.snapshots, outcome.history, own)
    labels = outcome.data.value.valid.labels.astype(np.float64)
    crosses = {name: cross.value for name, cross in zip(outcome.names, outcome.crosses, strict=True)}
    return Insight(
        importance=Diagnostic(measure_importance, (rows, rankers, outcome.blend, blend_scores, SAMPLE)),
        drift=Diagnostic(measure_drift, (own, first, reference, "earlier and later validation sessions")),
        given=[
            name for name in rows.value.names if name.startswith("taste_")
        ],  # utilities of a logit: before the ranker
        curves=curves(crosses),
        answers=list_answers(outcome),
        cutoff=CUTOFF,
        rows=lambda: list_rows(outcome),
        calibration=[calibrate("P(booked)", np.exp(blend_valid(outcome)), labels)],
    )


def take_last(folds: Sequence[FoldData]) -> RankingDataset:
    """The validation rows of the last fold."""
    return folds[-1].valid


def drop_look_back(rows: RankingDataset) -> RankingDataset:
    """The rows with the features that are no statistics of other bookings."""
    blocks = dict.fromkeys(name.partition("_")[0] for name in rows.names)
    return take_blocks(rows, [name for name in blocks if name not in LOOK_BACK])


def take_rankers(crosses: Sequence[CrossFit]) -> list[Ranker]:
    """The rankers of the last fold."""
    return [cross.rankers[-1] for cross in crosses]


def compare_periods(folds: Sequence[FoldData], train: Searches) -> Drift | None:
    """The earlier validation sessions against the later ones: statistics of a period tell any two apart."""
    return compare_halves(drop_look_back(folds[-1].valid), train.sessions["time"].to_numpy()[folds[-1].sessions])


def build_first(test: Searches, snapshots: Snapshots, history: History, rows: RankingDataset) -> RankingDataset:
    """The options of the first sessions of the test, with the features of ``rows``."""
    count = count_first(test.sessions["size"].to_numpy(), DRIFT_ROWS)
    blocks = list(dict.fromkeys(name.partition("_")[0] for name in rows.names))
    frame = build_features(test, 0, count, snapshots.assigned, history, blocks)
    sizes = test.sessions["size"].to_numpy()[:count].astype(np.int32)
    return RankingDataset(tuple(frame.columns), to_matrix(frame), np.zeros(frame.height, np.float32), sizes)
