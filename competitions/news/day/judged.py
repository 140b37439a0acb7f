"""What a finished news run reports: scores by user, recall, folds, and why the score is so."""

from dataclasses import replace
from pathlib import Path

from common.day.hosts import TRUTH
from common.day.judged import Judged, measure_importance
from common.day.record_schema import Scored
from common.day.run_record import SimulatedTruth
from common.engine.run import collect
from common.io.notes import Note
from common.learning.metrics import average
from common.learning.model_diagnostics import curves
from common.simulation.oracle import read_oracle
from competitions.news import submission
from competitions.news.config import MODEL, NewsConfig
from competitions.news.day.validation import FUSION, collect_evidence, list_queries
from competitions.news.features import feature_names
from competitions.news.io import reader
from competitions.news.pipeline import Outcome, Validated
from competitions.news.ranking import RANKER

METRIC = "MRR@5"
MEANING = "1 / the rank of the clicked article, 0 if it is not in the first five; the mean over users"
SHUFFLED = 1_000, 40_000  # queries and their rows, at most


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
    """With its submission, what the ranker goes by."""
    own = outcome.parts[0]
    valid = own.rows.field("valid")
    return replace(
        judged,
        submissions=[outcome.checked],
        importance=(measure_importance, valid, collect([own.ranker]), *SHUFFLED),
        given=FUSION,
        curves=lambda: curves({MODEL: own.ranker.value}),
    )
