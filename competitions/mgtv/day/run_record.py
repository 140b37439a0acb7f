"""What a finished MGTV run tells of itself: scores by device and day, models, decisions, and what the report needs."""

from pathlib import Path

import numpy as np
import polars as pl

from common.day.hosts.simulated import read_oracle
from common.day.run_record import Row, RunRecord, SimulatedTruth, list_notes
from common.engine.run import Run
from common.io.submission import read_truth
from competitions.mgtv import submission
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.day.diagnostics import diagnose
from competitions.mgtv.day.summary import measure_truth, summarise
from competitions.mgtv.models import decision
from competitions.mgtv.pipeline import Outcome, Validated
from competitions.mgtv.simulator.simulate import TRUTH

METRIC = "score"
SIZES, SIZE_CLASSES = (2, 5, 10, 20), ("1-2", "3-5", "6-10", "11-20", "over 20")  # videos shown at most; the classes


def build_record(outcome: Validated, config: MgtvConfig, truth: SimulatedTruth | None, run: Run) -> RunRecord:
    """The record of a run, or of one that stopped after validation."""
    summary = summarise(outcome)
    models = summary["models"]
    return RunRecord(
        metric=METRIC,
        queries=list_queries(outcome),
        ranking=[{"model": name, "score": row["score"], "error": row["error"]} for name, row in models.items()],
        tables=[
            ("Models on the validation days, pick P(watch) x E[s], answer max E[s]", list_models(summary)),
            ("The decision ladder: rows pick the video, columns the rate", summary["ladder"]),
            ("Days side by side", summary["days"]),
        ],
        notes=list_notes(summary["notes"]),
        features=outcome.valid[-1].day.value.rows.names,
        truth=truth,
        submissions=[outcome.checked] if isinstance(outcome, Outcome) else [],
        summary=summary,
        insight=diagnose(outcome, run) if isinstance(outcome, Outcome) else {},
    )


def list_models(summary: Row) -> list[Row]:
    """One row per model, then the blend on each validation day."""
    rows = [{"model": name, **scores} for name, scores in summary["models"].items()]
    return rows + [{"model": f"blend, day {day}", **scores} for day, scores in summary["by_day"].items()]


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


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files, and those of other picks and answers."""
    scores, oracle = submission.score_submission(outcome.checked.path, raw / TRUTH), read_oracle(raw)
    ladder = measure_truth(outcome, read_truth(raw / TRUTH, submission.TRUTH_COLUMNS, "did"))
    keys = {"p = 0": "score_0", "p = 1": "score_1", "mean": "score_mean", "median": "score_median", "max E[s]": "score"}
    best = {"pick": "oracle", "hit_rate": oracle["hit_rate"], **{name: oracle[key] for name, key in keys.items()}}
    title = "The decision ladder on the simulated truth, refitted on everything"
    queries = submission.score_queries(outcome.checked.path, raw / TRUTH)
    return SimulatedTruth(
        scores["score"], scores["score_error"], oracle["score"], scores, queries, [(title, [*ladder, best])]
    )
