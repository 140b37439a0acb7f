"""The closing summary: what was read and held out, how training went, the scores of each way to answer."""

from typing import Any

import numpy as np

from common.engine.decisions import list_decisions
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.pipeline import Outcome, Validated
from competitions.tencent.split import Fold


def summarise(outcome: Validated) -> dict[str, Any]:
    """Everything of the closing summary as plain values, for run.json."""
    corpus, measured, early = outcome.ready.corpus.value, outcome.measured.value, outcome.early
    best = next(iter(measured.values()))  # the way that is submitted
    decisions = outcome.ready.plan.value.decisions
    return {
        "notes": [{"file": n.file, "what": n.what, "count": n.count, "first": n.first} for n in corpus.notes],
        "plan": list_decisions(decisions),
        "cv": {"score": best["score"], "error": best["score_error"], "users": best["users"]},
        "ways": measured,
        "folds": [
            describe_fold("validation", corpus, outcome.ready.valid.value),
            describe_fold("test", corpus, outcome.ready.test.value),
        ],
        "training": {"validation": early.fitted.value.summarise()},
        "recall": measure_recall(early.answers.value.retrieval_rank),
        **(describe_end(outcome) if isinstance(outcome, Outcome) else {}),
    }


def describe_end(outcome: Outcome) -> dict[str, Any]:
    """What only a whole run has: the fit on everything, and the submission."""
    fits = {"validation": outcome.early, "test": outcome.final}
    return {
        "training": {name: fit.fitted.value.summarise() for name, fit in fits.items()},
        "filled": outcome.filled,
        "submissions": [{"path": str(checked.path), "rows": checked.rows} for checked in outcome.checked],
    }


def measure_recall(rank: Int64s | None) -> dict[str, float] | None:
    """Recall of retrieval by the length of the list; None where nothing is retrieved first."""
    if rank is None:
        return None
    shares = {f"within {most}": float(((rank > 0) & (rank <= most)).mean()) for most in (10, 50, 100)}
    return shares | {"in the list": float((rank > 0).mean())}


def describe_fold(name: str, corpus: Corpus, fold: Fold) -> dict[str, Any]:
    """Training events, queries and candidates: where the two folds differ, the score will drift."""
    history = fold.history(corpus.train)
    queries = fold.queries(corpus.test if fold.target is None else corpus.train)
    return {
        "fold": name,
        "training events": int(history.lengths.sum()),
        "queries": len(queries),
        "history, mean": float(queries.lengths.mean()) if len(queries) else 0.0,
        "candidates": len(fold.candidates.rows),
        "unseen candidates": unseen_share(corpus, fold),
        "unseen targets": None if fold.unseen is None else float(fold.unseen.mean()),
    }


def unseen_share(corpus: Corpus, fold: Fold) -> float:
    """The share of the candidates that no training history holds."""
    seen = np.zeros(len(corpus.catalogue.oid), bool)
    seen[corpus.train.item[fold.history(corpus.train).events()]] = True
    return float((~seen[fold.candidates.rows.values]).mean())
