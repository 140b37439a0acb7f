"""What a finished news run reports: scores by user, recall, folds, and why the score is so."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from common.day.hosts import TRUTH
from common.day.judged import Judged, count_first, measure_drift, measure_importance
from common.day.record_schema import Scored
from common.day.run_record import SimulatedTruth
from common.engine.run import collect, derive
from common.io.notes import Note
from common.learning.adversarial_validation import compare_halves
from common.learning.dataset import RankingDataset
from common.learning.diagnostics import Drift
from common.learning.metrics import average
from common.learning.model_diagnostics import curves
from common.learning.split import Fold
from common.simulation.oracle import read_oracle
from competitions.news import submission
from competitions.news.config import MODEL, NewsConfig
from competitions.news.day.validation import FUSION, collect_evidence, list_queries
from competitions.news.features import assemble, feature_names
from competitions.news.io import reader
from competitions.news.pipeline import Outcome, Validated
from competitions.news.ranking import RANKER, count_group_sizes, order_valid

METRIC = "MRR@5"
MEANING = "1 / the rank of the clicked article, 0 if it is not in the first five; the mean over users"
SHUFFLED = 1_000, 40_000  # queries and their rows, at most
DRIFT_ROWS = 40_000  # of the test that are built; fewer are drawn, whole queries


def judge(outcome: Validated, config: NewsConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    ready, recall, chain = outcome.ready, outcome.recall, outcome.chain.value
    judged = Judged(
        metric=METRIC,
        meaning=MEANING,
        queries=list_queries(outcome),
        evidence=lambda: collect_evidence(outcome),
        ranking=[Scored(MODEL, *average(chain.scores[RANKER], chain.weights))],
        plan=lambda: [*ready.plan.decisions, chain.decision],
        # Without the score of a channel, whose users count alike here: that of the rivals is weighted as the run's.
        tables=lambda: [("Recall of retrieval on validation, by channel", recall.value.drop("mrr@5").to_dicts())],
        notes=lambda: list_notes(outcome),
        features=lambda: feature_names(ready.labelled.blocks.value),
        summary=lambda: {"board": outcome.files.board},
    )
    return explain(judged, outcome) if isinstance(outcome, Outcome) else judged


def list_notes(outcome: Validated) -> list[Note]:
    """What reading settled."""
    ready = outcome.ready
    notes = [*outcome.files.notes, *ready.articles.value.notes, *ready.clicks.value.notes]
    if ready.content:
        notes += [*ready.content.value.notes, *reader.note_unembedded(ready.clicks.value.frame, ready.content.value)]
    return notes


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth = outcome.checked.path, raw / TRUTH
    scores, queries = submission.score_submission(path, truth), submission.score_queries(path, truth)
    return SimulatedTruth(scores["mrr@5"], scores["mrr@5_error"], read_oracle(raw).score, scores, queries)


# --- why the score is so ---


def explain(judged: Judged, outcome: Outcome) -> Judged:
    """With its submission, what the ranker goes by, and how validation and test differ."""
    ready, own, test = outcome.ready, outcome.parts[0], outcome.test
    valid = own.rows.field("valid")
    reference = derive(compare_periods, valid, own.fold, ready.labelled.candidates)
    first = derive(take_first, test.candidates, test.blocks)
    return replace(
        judged,
        submissions=[outcome.checked],
        importance=(measure_importance, valid, collect([own.ranker]), *SHUFFLED),
        drift=(measure_drift, valid, first, reference, "earlier and later validation users"),
        given=FUSION,
        curves=lambda: curves({MODEL: own.ranker.value}),
    )


def compare_periods(rows: RankingDataset, fold: Fold, candidates: pl.DataFrame) -> Drift | None:
    """The earlier validation users against the later ones."""
    times = order_valid(fold, candidates)["time"].to_numpy()
    return compare_halves(rows, times[: len(rows.group_sizes)])


def take_first(candidates: pl.DataFrame, blocks: Mapping[str, pl.DataFrame]) -> RankingDataset:
    """The candidates of the first queries of the test, whose features are built for these alone."""
    sizes = count_group_sizes(candidates)
    sizes = sizes[: count_first(sizes, DRIFT_ROWS)]
    features = assemble(blocks, slice(0, int(sizes.sum())))
    return RankingDataset(feature_names(blocks), features, np.zeros(len(features), np.float32), sizes)
