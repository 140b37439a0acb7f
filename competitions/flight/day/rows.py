"""The rows that flight's validation ranks, for ``competitions.load``, and plain orders of them."""

import numpy as np
import polars as pl

from common.day.answers import BLEND, ValidationRows, is_within, score_rivals
from common.day.run_record import Row
from competitions.flight.day.answers import blend_valid
from competitions.flight.metrics import CUTOFF, LARGE
from competitions.flight.pipeline import Validated

FIRST_STAGE = "taste_total"  # the preferences that are estimated from other bookings


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


def list_rivals(outcome: Validated) -> list[Row]:
    """What a random order scores, the cheapest first, and preferences before any ranker, or else the page's order."""
    data, valid = outcome.data.value, outcome.data.value.valid
    known = FIRST_STAGE in valid.names
    stage = {"First stage: preferences": (FIRST_STAGE, 1.0)} if known else {"In the order shown": None}
    once = np.zeros(len(valid.group_sizes))
    once[np.unique(data.valid_sessions, return_index=True)[1]] = 1.0  # a session that several fits judge counts once
    return score_rivals(
        valid,
        {"The cheapest": ("core_log_price", -1.0), **stage},
        lambda ranks: is_within(ranks, CUTOFF).astype(np.float64),
        CUTOFF,
        (valid.group_sizes > LARGE) * once,
    )
