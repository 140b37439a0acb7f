"""Cutting a log by time: a fold's history, its queries, and (never shown to features) the answers."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Fold:
    """Queries and what they may see. Validation and the real test differ in ``answers`` alone.

    ``history``: every interaction that statistics may use (one row each: user, item, time, context columns).
    ``queries``: one row per query (query, user, time = last visible interaction in ms, and what describes it).
    ``seen``: the queries' own past (query, item, time, back; ``back`` counts from 0 = the latest).
    ``answers``: one row per right answer (query, item), or None for the real test.
    """

    history: pl.DataFrame
    queries: pl.DataFrame
    seen: pl.DataFrame
    answers: pl.DataFrame | None
