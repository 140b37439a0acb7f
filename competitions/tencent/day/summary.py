"""The closing summary: what was read and held out, how training went, the scores of each way to answer."""

from typing import Any

import numpy as np

from common.engine.decisions import list_decisions
from competitions.tencent.corpus import Corpus
from competitions.tencent.outcome import FoldResult, Outcome, RankedFold, Validated
from competitions.tencent.split import Fold
from competitions.tencent.training.trainer import Trained


def summarise(outcome: Validated) -> dict[str, Any]:
    """Everything of the closing summary as plain values, for run.json."""
    corpus, measured, early = outcome.ready.corpus.value, outcome.measured.value, outcome.early
    best = next(measured[way] for way in ("ranker", "vectors") if way in measured)
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
        "training": {"validation": describe_fit(early)},
        **(describe_end(outcome, early) if isinstance(outcome, Outcome) else {}),
        **(describe_ranked(early) if isinstance(early, RankedFold) else {"recall": None}),
    }


def describe_end(outcome: Outcome, early: FoldResult | RankedFold) -> dict[str, Any]:
    """What only a whole run has: the fit on everything, and the submission."""
    return {
        "training": {"validation": describe_fit(early), "test": describe_fit(outcome.final)},
        "filled": outcome.filled,
        "submissions": [{"path": str(checked.path), "rows": checked.rows} for checked in outcome.checked],
    }


def describe_ranked(early: RankedFold) -> dict[str, Any]:
    """How many targets the first search found, and in how many the ranker put it among the ten."""
    found = early.answer.value.found
    assert found is not None
    shares = {f"within {most}": float(((found > 0) & (found <= most)).mean()) for most in (10, 50, 100)}
    return {"recall": shares | {"in the list": float((found > 0).mean())}}


def describe_fit(fitted: FoldResult | RankedFold) -> dict[str, Any]:
    """How the fit of a fold went."""
    if isinstance(fitted, FoldResult):
        return describe_training(fitted.trained.value)
    ranker = fitted.ranker.value
    return {"losses": list(ranker.losses), "parameters": sum(int(value.size) for value in ranker.weights.values())}


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


def describe_training(trained: Trained) -> dict[str, Any]:
    """The losses by epoch, and tokens a second."""
    history = trained.history
    return {
        "losses": list(history.losses),
        "tokens": history.tokens,
        "seconds": history.seconds,
        "tokens_per_second": history.tokens / max(history.seconds, 1e-9),
        "parameters": sum(int(value.size) for value in trained.weights.values()),
    }
