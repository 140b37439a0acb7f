"""What a finished MGTV run reports: scores by device and day, models, decisions, days, and why the score is so."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from common.day.hosts import TRUTH
from common.day.judged import Judged, measure_importance
from common.day.record_schema import Scored
from common.day.run_record import SimulatedTruth
from common.engine.run import collect
from common.io.notes import Note, pool_notes
from common.learning.diagnostics import Calibration
from common.learning.model_diagnostics import calibrate, curves
from common.simulation.oracle import read_oracle
from competitions.mgtv import submission
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.day.validation import collect_evidence, list_queries
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models.click_ranker import MODEL
from competitions.mgtv.pipeline import Outcome, Validated

METRIC = "score"
MEANING = (
    "1 / (1 + sqrt(|t - p| / t)) if the video is the one that was watched (t: the share of it that was played, p: the"
    " predicted share), else 0; the mean over devices"
)
SHUFFLED = 4_000, 40_000  # queries and their videos, at most


def judge(outcome: Validated, config: MgtvConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    measured, early, ready = outcome.measured.value, outcome.early, outcome.ready
    models = [{"model": MODEL, **measured.final}]
    models += [{"model": f"{MODEL}, day {day}", **scores} for day, scores in measured.days.items()]
    judged = Judged(
        metric=METRIC,
        meaning=MEANING,
        queries=list_queries(outcome),
        evidence=lambda: collect_evidence(outcome),
        ranking=[Scored(MODEL, measured.final["score"], measured.final["error"])],
        plan=lambda: [*ready.decisions, outcome.chain.value.decision],
        tables=lambda: [
            ("The validation days: video by P(watch) x E[s], share by max E[s]", models),
            ("Decision rules: rows choose the video, columns the share", measured.ladder),
        ],
        notes=lambda: list_notes(outcome),
        features=lambda: outcome.valid[-1].value.day.rows.names,
        summary=lambda: {
            "warnings": [text for text in (ready.tables.comments.value.warning,) if text],
            "rounds": {MODEL: early.ranker.value.rounds, "completion": early.completion.value.rounds},
            "board": outcome.files.board,
        },
    )
    return explain(judged, outcome) if isinstance(outcome, Outcome) else judged


def list_notes(outcome: Validated) -> list[Note]:
    """What reading settled, the same of several days in one row."""
    tables = outcome.ready.tables
    parts = (tables.videos.value, tables.profiles.value, tables.comments.value, tables.test.value)
    days = [note for day in tables.days for note in day.value.notes]
    return [*outcome.files.notes, *(note for part in parts for note in part.notes), *pool_notes(days)]


# --- the simulated truth ---


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth = outcome.checked.path, raw / TRUTH
    scores, queries = submission.score_submission(path, truth), submission.score_queries(path, truth)
    return SimulatedTruth(scores["score"], scores["score_error"], read_oracle(raw).score, scores, queries)


# --- why the score is so ---


def explain(judged: Judged, outcome: Outcome) -> Judged:
    """With its submission, what the choice goes by, what predictions are worth."""
    ready, rankers = outcome.ready, collect([outcome.early.ranker])
    valid = ready.labelled[ready.plan.valid[-1]].field("rows")
    return replace(
        judged,
        submissions=[outcome.checked],
        importance=(measure_importance, valid, rankers, *SHUFFLED),
        curves=lambda: curves({MODEL: outcome.early.ranker.value}),
        calibration=lambda: calibrate_days(outcome),
    )


def calibrate_days(outcome: Outcome) -> list[Calibration]:
    """P(watch) beside the share that was watched, and the expected score of a right answer beside its score."""
    chances, watched, expected, scores = [], [], [], []
    for part in (kept.value for kept in outcome.valid):
        day, rewards = part.day, part.rewards
        right = day.rows.labels > 0
        chances.append(part.chances)
        watched.append(right.astype(np.float64))
        expected.append(rewards.expected[right])
        scores.append(score_rates(day.completions[right], rewards.answer[right]))
    return [
        calibrate("P(watch)", np.concatenate(chances), np.concatenate(watched)),
        calibrate("E[s] of the right video", np.concatenate(expected), np.concatenate(scores)),
    ]
