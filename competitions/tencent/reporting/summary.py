"""The closing summary: what was read and held out, how training went, the scores of each way to answer."""

from typing import Any

import numpy as np

from competitions.tencent.corpus import Corpus
from competitions.tencent.ensemble.ensemble import MODELS
from competitions.tencent.outcome import Outcome
from competitions.tencent.split import Fold
from competitions.tencent.training.trainer import Trained


def summarise(outcome: Outcome) -> dict[str, Any]:
    """Everything of the closing summary as plain values, for run.json."""
    corpus, measured = outcome.ready.corpus.value, outcome.measured.value
    mixed = outcome.early.mixed
    best = measured.get("open mode", measured["vectors"])
    return {
        "notes": [{"file": n.file, "what": n.what, "count": n.count, "first": n.first} for n in corpus.notes],
        "cv": {"score": best["score"], "error": best["score_error"], "users": best["users"]},
        "ways": measured,
        "mix": dict(zip(MODELS, mixed.value.weights, strict=True)) if mixed else None,
        "recall_of_index": outcome.early.answer.value.index_recall,
        "folds": [
            describe_fold("validation", corpus, outcome.ready.valid.value),
            describe_fold("test", corpus, outcome.ready.test.value),
        ],
        "training": {
            "validation": describe_training(outcome.early.trained.value),
            "test": describe_training(outcome.final.trained.value),
        },
        "filled": outcome.filled,
        "submissions": [{"path": str(checked.path), "rows": checked.rows} for checked in outcome.checked],
    }


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
