"""The rows that flight's validation ranks, for ``competitions.load``."""

import numpy as np
import polars as pl

from common.day.loaded import BLEND, ValidationRows
from competitions.flight.day.answers import blend_valid
from competitions.flight.pipeline import Validated


def list_rows(outcome: Validated) -> ValidationRows:
    """One row per option of a validation session, those of at most ten options as well; ``item``: the option's position
    in the session. Where folds repeat, a session stands as often as it is judged, by its ``round``.
    """
    data, sessions = outcome.data.value, outcome.train.value.sessions
    valid, numbers = data.valid, np.repeat(data.valid_sessions, data.valid.group_sizes)
    rounds = np.repeat(np.arange(len(data.folds)), [len(fold.valid.labels) for fold in data.folds])
    queries = sessions["ranker_id"].gather(numbers).cast(pl.String)
    starts = np.cumsum(valid.group_sizes) - valid.group_sizes
    item = np.arange(len(numbers)) - np.repeat(starts, valid.group_sizes)
    scores = pl.DataFrame(outcome.scores.value, schema=list(outcome.names))
    return ValidationRows(
        pl.DataFrame({"query": queries, "item": item, "round": rounds}),
        valid,
        scores.with_columns(pl.Series(BLEND, blend_valid(outcome))),
    )
