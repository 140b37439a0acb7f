"""What the report of a Tencent run shows beyond scores: its inputs, how training went, how the test's users differ."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.engine.run import Run
from common.learning.adversarial_validation import Drift, find_drift, refer
from common.learning.dataset import Matrix
from competitions.tencent.corpus import Corpus
from competitions.tencent.day.answers import describe_lists
from competitions.tencent.day.permutation_importance import permute_columns
from competitions.tencent.io import schema
from competitions.tencent.pipeline import Outcome
from competitions.tencent.sequences import Histories, usual_times
from competitions.tencent.split import Fold

DRIFT_QUERIES = 10_000
NAMES = ("events", "clicks", "click share", "distinct ads", "hours since the last event", "hours of history")
HOUR_S = 3_600


def diagnose(outcome: Outcome, run: Run) -> dict[str, Any]:
    """The insight of a run's record."""
    ready, early = outcome.ready, outcome.early
    ranked, measured = early.ranked, []
    earlier = ranked.inputs.earlier if ranked else []
    drift = run.step(compare_users, ready.corpus, ready.valid, ready.test, earlier, name="insight.drift").value
    if ranked:
        settings, seed = outcome.config.ranker.features, outcome.config.seed
        step = run.step(permute_columns, ranked.inputs, ranked.ranker, settings, seed, name="insight.importance")
        measured = step.value
    losses = [fit.fitted.value.losses for fit in (early, outcome.final)]
    curves = [
        {
            "name": f"{outcome.config.method}, {fold}",
            "metric": "training loss",
            "values": list(map(float, values)),
            "falls": True,
        }
        for fold, values in zip(("hold-out", "final fit"), losses, strict=True)
        if len(values) > 1
    ]
    return {
        "drift": drift,
        "curves": curves,
        "importance": measured,
        "answers": describe_lists(outcome),
    }


def compare_users(corpus: Corpus, valid: Fold, test: Fold, earlier: Sequence[Fold]) -> Drift | None:
    """The histories of held-out users against those of the test users.

    Beside it those of an ``earlier`` fold against the held-out ones: a later cut sees more.
    """
    held_out, tested = describe(valid.queries(corpus.train)), describe(test.queries(corpus.test))
    drift = find_drift(NAMES, held_out, tested, most=DRIFT_QUERIES)
    if not earlier:
        return drift
    before = describe(earlier[0].queries(corpus.train))
    reference = find_drift(NAMES, before, held_out, most=DRIFT_QUERIES, top=len(NAMES))
    return refer(drift, reference, "the hold-out and the same question asked earlier")


def describe(histories: Histories) -> Matrix:
    """One row per history, the columns of ``NAMES``. Now is the last event with a usual date."""
    sequences, lengths = histories.sequences, histories.lengths
    events = histories.events()
    owner = np.repeat(np.arange(len(histories)), lengths)
    clicks = np.bincount(owner, sequences.action[events] >= schema.CLICK, len(histories))
    pairs = np.unique(np.column_stack([owner, sequences.item[events]]), axis=0)
    distinct = np.bincount(pairs[:, 0], minlength=len(histories))
    filled = lengths > 0
    last = sequences.time[np.where(filled, histories.ends - 1, 0)]
    first = sequences.time[np.where(filled, histories.starts, 0)]
    now = usual_times(histories)[1]
    per_event = clicks / np.maximum(lengths, 1)
    columns = [lengths, clicks, per_event, distinct, (now - last) / HOUR_S, (last - first) / HOUR_S]
    return np.where(filled[:, None], np.column_stack(columns), np.nan).astype(np.float32)
