"""The closing summary: what was read and held out, how training went, what each way to answer scores."""

from typing import Any

import numpy as np

from competitions.tencent.corpus import Corpus
from competitions.tencent.ensemble.ensemble import MODELS
from competitions.tencent.pipeline import Outcome
from competitions.tencent.split import Fold
from competitions.tencent.training.trainer import Trained


def summarise(outcome: Outcome) -> dict[str, Any]:
    """Everything of the closing summary as plain values, for run.json."""
    corpus, measured = outcome.ready.corpus.value, outcome.measured.value
    best = measured.get("open mode", measured["vectors"])
    return {
        "notes": [{"file": n.file, "what": n.what, "count": n.count, "first": n.first} for n in corpus.notes],
        "cv": {"score": best["score"], "error": best["score_error"], "users": best["users"]},
        "ways": measured,
        "mix": None
        if outcome.early.mixed is None
        else dict(zip(MODELS, outcome.early.mixed.value.weights, strict=True)),
        "recall_of_index": outcome.early.answer.value.recall,
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
    """What may be learned from, who is asked, among what: where the two folds differ, the score will drift."""
    history = fold.history(corpus.train)
    queries = fold.queries(corpus.asked if fold.target is None else corpus.train)
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
    course = trained.course
    return {
        "losses": list(course.losses),
        "tokens": course.tokens,
        "seconds": course.seconds,
        "tokens_per_second": course.tokens / max(course.seconds, 1e-9),
        "parameters": sum(int(value.size) for value in trained.weights.values()),
    }
