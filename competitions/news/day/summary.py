"""The closing summary: what was read, how the folds compare, what each channel retrieves, what each model scores."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from common.engine.decisions import list_decisions
from common.io.natural_order import natural_key
from common.learning.model_diagnostics import share_gains
from competitions.news.io import reader
from competitions.news.pipeline import Outcome, Prepared, Validated
from competitions.news.ranking import weigh_scores
from competitions.news.split import DAY_MS

LENGTHS = {1: "1", 2: "2", 4: "3-4", 8: "5-8", 16: "9-16", 32: "17-32"}  # of a history: at most -> its class


def compare_folds(ready: Prepared) -> pl.DataFrame:
    """Validation beside test: shares of users by length of the visible history and by day of the last visible click.

    ``validation`` as drawn, ``weighted`` as it counts in every mean.
    """
    labelled, queries = (fold.value.queries for fold in (ready.labelled.inputs.fold, ready.test))
    valid, keys = labelled.filter(role="valid"), ["what", "value"]
    drawn = _share_of_users(valid, "validation").join(_share_of_users(valid, "weighted", pl.col("weight")), on=keys)
    test = _share_of_users(queries, "test")
    table = drawn.join(test, on=keys, how="full", coalesce=True).fill_null(0.0)
    order = sorted(range(table.height), key=lambda row: [natural_key(name) for name in table.select(keys).row(row)])
    return table[order]


def class_of_length() -> pl.Expr:
    """The class of a history by its number of visible clicks."""
    label: pl.Expr = pl.lit("33+")  # Expr.cut is deprecated, and its successor experimental
    for most, name in reversed(LENGTHS.items()):
        label = pl.when(pl.col("clicks") <= most).then(pl.lit(name)).otherwise(label)
    return label


def last_day() -> pl.Expr:
    """The day of the last visible click, as 10-31."""
    return pl.from_epoch(pl.col("time") // DAY_MS * DAY_MS, time_unit="ms").dt.strftime("%m-%d")


def _share_of_users(queries: pl.DataFrame, name: str, weight: pl.Expr | None = None) -> pl.DataFrame:
    weighed = queries.with_columns(weight=pl.lit(1.0) if weight is None else weight)
    parts = [
        weighed.select("weight", what=pl.lit("visible clicks"), value=class_of_length()),
        weighed.select("weight", what=pl.lit("last visible day"), value=last_day()),
    ]
    total = max(float(weighed["weight"].sum()), 1e-9)
    return pl.concat(parts).group_by("what", "value").agg((pl.col("weight").sum() / total).alias(name))


def summarise(outcome: Validated, kinds: Sequence[str]) -> dict[str, Any]:
    """Everything of the closing summary as plain values, for run.json."""
    ready, scores, blend = outcome.ready, outcome.scores.value, outcome.blend.value
    notes = [*outcome.files.notes, *ready.articles.value.notes, *ready.clicks.value.notes]
    if ready.content:
        notes += [*ready.content.value.notes, *reader.note_unembedded(ready.clicks.value.frame, ready.content.value)]
    rankers = [ranker.value for ranker in outcome.early]
    models = {
        kind: {"mrr@5": mrr, "error": error, "rounds": ranker.rounds, "weight": weight}
        for kind, (mrr, error), ranker, weight in zip(kinds, scores, rankers, blend.weights, strict=True)
    }
    queries = pl.concat(fold.value.queries["role"] for fold in (ready.labelled.inputs.fold, ready.test))
    cv, error = weigh_scores(blend.reciprocal, ready.rows.value.weights)
    counts = dict(queries.value_counts(sort=True).iter_rows())
    return {
        "board": outcome.files.board,
        "plan": list_decisions(ready.plan.decisions),
        "notes": [note._asdict() for note in notes],
        "cv": {"mrr@5": cv, "error": error, "queries": counts},
        "models": models,
        "recall": outcome.recall.value.to_dicts(),
        "folds": compare_folds(ready).to_dicts(),
        "gains": dict(list(share_gains(rankers).items())[:30]),
        **describe_submission(outcome),
    }


def describe_submission(outcome: Validated) -> dict[str, Any]:
    """Where the submission lies, of a whole run."""
    if not isinstance(outcome, Outcome):
        return {}
    return {"submission": {"path": str(outcome.checked.path), "rows": outcome.checked.rows}}
