"""The rows that news' validation ranks, for ``competitions.load``."""

import polars as pl

from common.day.loaded import BLEND, ValidationRows
from competitions.news.day.judged import list_ranked, mix
from competitions.news.pipeline import Validated


def list_rows(outcome: Validated) -> ValidationRows:
    """One row per candidate article of a validation user."""
    labelled, rows = outcome.ready.labelled, outcome.ready.rows.value.valid
    scores, candidates = outcome.out_of_fold.value, labelled.candidates.value
    users = list_ranked(labelled.inputs.fold.value, candidates).select("query", "user")
    listed = candidates.join(users, on="query", maintain_order="left")
    models = pl.DataFrame(scores, schema=[ranker.value.kind for ranker in outcome.early])
    blend = pl.Series(BLEND, mix(outcome.blend.value, scores, rows.group_sizes))
    query = pl.col("user").cast(pl.String)
    return ValidationRows(listed.select("item", query=query).select("query", "item"), rows, models.with_columns(blend))
