"""What a finished Tencent run reports: scores by user, ways to answer, training, and why the score is so."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.day.answers import BEYOND, Answers, Example
from common.day.judged import Diagnostic, Insight, Judged
from common.day.run_record import Row, SimulatedTruth
from common.engine.decisions import list_decisions
from common.learning.adversarial_validation import Drift, find_drift, refer
from common.learning.dataset import Matrix
from common.simulation.oracle import read_oracle
from common.time_units import HOUR_S
from competitions.tencent import metrics, submission
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Catalogue, Corpus, Int64s
from competitions.tencent.day.rows import list_rivals, list_rows, measure_columns
from competitions.tencent.expected_score import expect_score
from competitions.tencent.io.schema import CLICK, ITEM_FEATURES, TOP, TRUTH
from competitions.tencent.metrics import rank_targets
from competitions.tencent.pipeline import Outcome, Validated
from competitions.tencent.retrieval.fusion import Fusion
from competitions.tencent.sequences import Histories, usual_times
from competitions.tencent.split import Fold

METRIC = "score"
MEANING = ".31 x hit rate + .69 x NDCG of ten ads: how often, and how high, the clicked ad is in the list"
WHY = "users who click the same ad are right or wrong together"
FURTHER = ", and the truth is one event later than the hold-out"
LOST_QUERIES = 300  # whose features are made to write those that are lost
LENGTHS, LENGTH_NAMES = (5, 20, 100), ("1-5", "6-20", "21-100", "over 100")  # classes of history lengths
DRIFT_QUERIES = 10_000
DRIFTING = ("events", "clicks", "click share", "distinct ads", "hours since the last event", "hours of history")
FEATURES_SHOWN, RECENT = 3, 3


def judge(outcome: Validated, config: TencentConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    summary = summarise(outcome)
    expected = summary["cv"]["expected"]
    ways = summary["ways"]
    training = [
        {"training": name, **row, "losses": " ".join(f"{loss:.3f}" for loss in row["losses"])}
        for name, row in summary["training"].items()
    ]
    return Judged(
        metric=METRIC,
        meaning=MEANING,
        rivals=list_rivals(outcome),
        expected={
            "score": expected["score"],
            "error": expected["error"],
            "why": WHY + FURTHER * (outcome.ready.plan.value.split.kind == "last"),
        },
        queries=list_queries(outcome),
        ranking=[{"model": name, "score": row["score"], "error": row["score_error"]} for name, row in ways.items()],
        tables=[
            ("Settings decided from the data", summary["plan"]),
            ("Channels of retrieval, by their fusion weights", summary["fusion"]["channels"]),
            ("Methods on the hold-out", [{"way": name, **row} for name, row in ways.items()]),
            ("Training events, queries, candidates", summary["folds"]),
            ("Training", training),
            ("Recall of the first search", [summary["recall"]]),
        ],
        notes=outcome.ready.corpus.value.notes,
        features=outcome.early.ranker.value.names,
        submissions=outcome.checked if isinstance(outcome, Outcome) else [],
        summary=summary,
        insight=explain(outcome) if isinstance(outcome, Outcome) else None,
    )


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per held-out user: its share of the Score, weighted as the host weighs it (round 2)."""
    fold, corpus = outcome.ready.valid.value, outcome.ready.corpus.value
    assert fold.unseen is not None
    scores = metrics.score_queries(fold, outcome.early.answers.value.best, outcome.config.host)
    histories = fold.queries(corpus.train)
    frame = pl.DataFrame({"query": pl.Series(corpus.users.names[fold.users]).cast(pl.String), "score": scores})
    return frame.select(
        "query",
        fold=pl.lit("hold-out"),
        score="score",
        target=pl.when(pl.Series(fold.unseen)).then(pl.lit("an unseen ad")).otherwise(pl.lit("a seen ad")),
        history=pl.Series(np.array(LENGTH_NAMES)[np.searchsorted(LENGTHS, histories.lengths)]),
    )


# --- the summary ---


def summarise(outcome: Validated) -> Row:
    """Everything else as plain values, for run.json."""
    corpus, measured, early = outcome.ready.corpus.value, outcome.measured.value, outcome.early
    best = next(iter(measured.values()))  # the way that is submitted
    valid, test = outcome.ready.valid.value, outcome.ready.test.value
    whole = outcome if isinstance(outcome, Outcome) else None
    cv = {"score": best["score"], "error": best["score_error"], "users": best["users"]}
    kind = outcome.ready.plan.value.split.kind
    expected = expect_score(valid, early.answers.value.best, outcome.config.host, kind)
    fits = {"validation": early} | ({"test": whole.final} if whole else {})
    return {
        "plan": list_decisions(outcome.ready.plan.value.decisions),
        "cv": {**cv, "expected": expected},
        "fusion": list_fusion(early.fusion.value),
        "ways": measured,
        "folds": [measure_fold("validation", corpus, valid), measure_fold("test", corpus, test)],
        "training": {name: fit.ranker.value.summarise() for name, fit in fits.items()},
        "recall": measure_recall(early.answers.value.known_rank),
        **({"filled": whole.filled} if whole else {}),
        **({"submissions": [{"path": str(one.path), "rows": one.rows} for one in whole.checked]} if whole else {}),
    }


def list_fusion(fusion: Fusion) -> Row:
    """What retrieval goes by."""
    return {"channels": list(fusion.rows), "weights": fusion.weights, "widths": fusion.widths}


def measure_recall(rank: Int64s) -> dict[str, float]:
    """Recall of retrieval by the length of the list."""
    shares = {f"within {most}": float(((rank > 0) & (rank <= most)).mean()) for most in (10, 50, 100)}
    return shares | {"in the list": float((rank > 0).mean())}


def measure_fold(name: str, corpus: Corpus, fold: Fold) -> dict[str, Any]:
    """Training events, queries and candidates: where the two folds differ, the score will drift."""
    history = fold.history(corpus.train)
    queries = fold.queries(corpus.test if fold.target is None else corpus.train)
    return {
        "fold": name,
        "training events": int(history.lengths.sum()),
        "queries": len(queries),
        "history, mean": float(queries.lengths.mean()) if len(queries) else 0.0,
        "candidates": len(fold.candidates),
        "unseen candidates": unseen_share(corpus, fold),
        "unseen targets": None if fold.unseen is None else float(fold.unseen.mean()),
    }


def unseen_share(corpus: Corpus, fold: Fold) -> float:
    """The share of the candidates that no training history holds."""
    seen = np.zeros(len(corpus.catalogue.oid), bool)
    seen[corpus.train.item[fold.history(corpus.train).events()]] = True
    return float((~seen[fold.candidates]).mean())


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth, weights = outcome.checked[0].path, raw / TRUTH, outcome.config.host.weights
    scores = submission.score_submission(path, truth, weights=weights)
    queries = submission.score_queries(path, truth, weights)
    return SimulatedTruth(scores["score"], scores["score_error"], read_oracle(raw).score, scores, queries)


# --- why the score is so ---


def explain(outcome: Outcome) -> Insight:
    """What the ranker goes by, how training went, how the test's users differ, where targets are lost."""
    ready, early, config = outcome.ready, outcome.early, outcome.config
    inputs = (ready.corpus, early.fold, early.tables, early.ranker, config.ranker.features)
    losses = {"hold-out": early.ranker.value.losses, "final fit": outcome.final.ranker.value.losses}
    return Insight(
        importance=Diagnostic(measure_columns, inputs),
        drift=Diagnostic(compare_users, (ready.corpus, ready.valid, ready.test, early.earlier)),
        curves=[
            {"name": fold, "metric": "training loss, ranker", "values": [*values], "falls": True}
            for fold, values in losses.items()
            if len(values) > 1
        ],
        answers=list_answers(outcome),
        cutoff=TOP,
        rows=lambda: list_rows(outcome, LOST_QUERIES),
    )


def compare_users(corpus: Corpus, valid: Fold, test: Fold, earlier: Sequence[Fold]) -> Drift | None:
    """The histories of held-out users against those of the test users.

    Beside it those of an ``earlier`` fold against the held-out ones: a later cut sees more.
    """
    held_out, tested = measure_histories(valid.queries(corpus.train)), measure_histories(test.queries(corpus.test))
    drift = find_drift(DRIFTING, held_out, tested, most=DRIFT_QUERIES)
    if not earlier:
        return drift
    before = measure_histories(earlier[0].queries(corpus.train))
    reference = find_drift(DRIFTING, before, held_out, most=DRIFT_QUERIES, top=len(DRIFTING))
    return refer(drift, reference, "the hold-out and an earlier hold-out")


def measure_histories(histories: Histories) -> Matrix:
    """One row per history, the columns of ``DRIFTING``. Now is the last event with a usual date."""
    sequences, lengths = histories.sequences, histories.lengths
    events = histories.events()
    owner = np.repeat(np.arange(len(histories)), lengths)
    clicks = np.bincount(owner, sequences.action[events] >= CLICK, len(histories))
    pairs = np.unique(np.column_stack([owner, sequences.item[events]]), axis=0)
    distinct = np.bincount(pairs[:, 0], minlength=len(histories))
    filled = lengths > 0
    last = sequences.time[np.where(filled, histories.ends - 1, 0)]
    first = sequences.time[np.where(filled, histories.starts, 0)]
    now = usual_times(histories)[1]
    per_event = clicks / np.maximum(lengths, 1)
    columns = [lengths, clicks, per_event, distinct, (now - last) / HOUR_S, (last - first) / HOUR_S]
    return np.where(filled[:, None], np.column_stack(columns), np.nan).astype(np.float32)


def list_answers(outcome: Outcome) -> Answers:
    """Where the targets of the held-out users are lost, and some users' lists in words."""
    fold, answers = outcome.ready.valid.value, outcome.early.answers.value
    assert fold.target is not None
    assert fold.unseen is not None
    ranks, retrieved = rank_targets(fold, answers.best), answers.known_rank > 0
    before = [
        ("all queries", len(fold.users)),
        ("shown in the log before", int((~fold.unseen).sum())),
        ("among the candidates", int(np.isin(fold.target, fold.candidates).sum())),
        ("retrieved by the first search", int(retrieved.sum())),
    ]
    ranks = np.where((ranks == 0) & retrieved, BEYOND, ranks)
    return Answers(ranks, before, lambda query: describe_user(outcome, query))


def describe_user(outcome: Outcome, query: int) -> Example:
    """One held-out user in words: the last clicks, the ten ads, the ad that was clicked."""
    fold, corpus = outcome.ready.valid.value, outcome.ready.corpus.value
    assert fold.target is not None
    histories, user = fold.queries(corpus.train), corpus.users.names[fold.users[query]].decode()
    events = np.arange(histories.starts[query], histories.ends[query])
    clicked = events[corpus.train.action[events] >= CLICK][-RECENT:][::-1]
    last = "; ".join(name_ad(corpus.catalogue, int(corpus.train.item[event])) for event in clicked)
    context = f"{len(events)} earlier events, the last clicks: {last or 'none'}"
    columns = outcome.early.answers.value.best.columns[query]
    rows = fold.candidates[columns[columns >= 0]]
    listed = [name_ad(corpus.catalogue, int(row)) for row in rows]
    return Example(f"{user},", context, listed, name_ad(corpus.catalogue, int(fold.target[query])))


def name_ad(catalogue: Catalogue, row: int) -> str:
    """An ad's original number and its first known features."""
    values = [f"{name}={value}" for name, value in zip(ITEM_FEATURES, catalogue.features[row], strict=True) if value]
    return f"ad {catalogue.oid[row]}" + (f" ({', '.join(values[:FEATURES_SHOWN])})" if values else "")
