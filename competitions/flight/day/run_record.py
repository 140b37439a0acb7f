"""The record of a finished flight run: hits by session, models side by side, and what the report needs."""

from pathlib import Path

import numpy as np
import polars as pl

from common.day.hosts.simulated import read_oracle
from common.day.run_record import RunRecord, SimulatedTruth, list_notes
from common.engine.run import Run
from competitions.flight import submission
from competitions.flight.config import FlightConfig
from competitions.flight.day.console_tables import list_models, list_truth
from competitions.flight.day.diagnostics import diagnose
from competitions.flight.day.summary import summarise
from competitions.flight.metrics import CUTOFF, LARGE, classify_size
from competitions.flight.pipeline import Outcome, Validated
from competitions.flight.ranking import blending
from competitions.flight.ranking.blending import blend_scores, find_hits
from competitions.flight.ranking.rankers import list_blocks
from competitions.flight.simulator.simulate import TRUTH

METRIC = f"HitRate@{CUTOFF}"


def build_record(outcome: Validated, config: FlightConfig, truth: SimulatedTruth | None, run: Run) -> RunRecord:
    """The record of a run, or of one that stopped after validation."""
    summary, blocks = summarise(outcome), list_blocks(config, outcome.plan)
    models = summary["models"]
    return RunRecord(
        metric=METRIC,
        queries=list_queries(outcome),
        ranking=[{"model": name, "score": row["hit_rate@3"], "error": row["error"]} for name, row in models.items()],
        tables=[
            ("Decided from the log", summary["plan"]),
            (f"HitRate@3 on validation ({outcome.split.value.name}), by group size", list_models(models)),
            ("Training, validation and test sessions", summary["folds"]),
        ],
        notes=list_notes(summary["notes"]),
        features=outcome.data.value.valid.names,
        truth=truth,
        submissions=outcome.checked if isinstance(outcome, Outcome) else [],
        summary=summary,
        insight=diagnose(outcome, blocks, run) if isinstance(outcome, Outcome) else {},
    )


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per validation session with more than ten options: how often the booked one is among the first three.

    That is 0 or 1, but for repeated folds, which judge a session several times.
    """
    data, scores = outcome.data.value, outcome.scores.value
    valid = data.valid
    blended = blend_scores(outcome.blend.value, scores, valid.group_sizes)
    hit = find_hits(np.ascontiguousarray(blended), valid.labels, valid.group_sizes)
    judged = pl.DataFrame({"session": data.valid_sessions, "score": hit}).cast({"session": pl.Int32})
    judged = judged.group_by("session", maintain_order=True).agg(pl.col("score").mean())
    train = outcome.train.value.sessions
    sessions = judged.join(train, on="session", how="left", maintain_order="left").filter(pl.col("size") > LARGE)
    return sessions.select(
        query=pl.col("ranker_id").cast(pl.String),
        fold=pl.lit(outcome.split.value.name),
        score=pl.col("score"),
        options=classify_size(pl.col("size")),
        trip=pl.when("round_trip").then(pl.lit("return")).otherwise(pl.lit("one way")),
        traveller=mark_known(train),
    )


def mark_known(sessions: pl.DataFrame) -> pl.Expr:
    """Whether a session's traveller had booked before it, in words."""
    first = sessions.filter(pl.col("booked").is_not_null()).group_by("profile").agg(pl.col("time").min())
    earliest = pl.col("profile").replace_strict(first["profile"], first["time"], default=None)
    return pl.when(earliest < pl.col("time")).then(pl.lit("has booked")).otherwise(pl.lit("is new"))


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's and each model's scores on the truth of simulated raw files."""
    scores, oracle = submission.score_submission(outcome.checked[0].path, raw / TRUTH), read_oracle(raw)
    booked = find_booked(outcome.files.test, raw / TRUTH)
    measured = blending.measure_test(outcome.test.value, outcome.test_scores.value, booked, outcome.blend.value)
    rows = list_truth(dict(zip(outcome.rungs, measured, strict=True)), oracle)
    return SimulatedTruth(
        scores["hit_rate@3"],
        scores.get("hit_rate@3_error", 0.0),
        oracle["hit_rate"]["3"],
        scores,
        submission.score_queries(outcome.checked[0].path, raw / TRUTH),
        [("HitRate@3 on the simulated truth, refitted on everything", rows)],
    )


def find_booked(test: Path, truth: Path) -> pl.Series:
    """The rows of the test file that were booked."""
    ids = pl.scan_csv(truth).select("Id")
    rows = pl.scan_parquet(test).select("Id").with_row_index("row")
    return rows.join(ids, on="Id", how="semi").select(pl.col("row").cast(pl.Int64)).collect()["row"]
