"""Cutting a log by time: a fold's history, its queries, and (never shown to features) the answers."""

from dataclasses import dataclass

import polars as pl

from common.engine.errors import UserError

ID_LIMIT = 2**31  # pairs of ids are packed into 64 bits


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


def build_fold(
    events: pl.DataFrame, queries: pl.DataFrame, answers: pl.DataFrame | None = None, *, past_only: bool = True
) -> Fold:
    """The fold of some ``queries`` (query, user, time) in a log of ``events`` (user, item, time in ms).

    What a query's user did after its time is in neither ``history`` nor ``seen``, so that no answer can be; where a
    clock is coarse, leave the answers' own rows out of ``events``, which may bear that very time. Where a user has
    several queries, the first one's time counts for ``history``. Of other users ``history`` ends with the first query
    of all, as a live system knows the log; or, without ``past_only``, it is the whole log.

    >>> events = pl.DataFrame({"user": [0, 0, 0, 1], "item": [7, 8, 9, 7], "time": [1, 2, 3, 4]})
    >>> queries = pl.DataFrame({"query": [5], "user": [0], "time": [2]})
    >>> fold = build_fold(events, queries, past_only=False)
    >>> fold.history.rows(), fold.seen.rows()  # 9 is still to come; 7 of user 1 others have seen
    ([(0, 7, 1), (0, 8, 2), (1, 7, 4)], [(5, 7, 1, 1), (5, 8, 2, 0)])
    """
    events = _as_numbers(events, "events", ("user", "item", "time"))
    queries = _as_numbers(queries, "queries", ("query", "user", "time"))
    answers = None if answers is None else _as_numbers(answers, "answers", ("query", "item"))
    if (twice := queries.filter(pl.col("query").is_duplicated())).height:
        raise UserError(f"queries: query {twice['query'][0]} stands there twice; a query is one row, a user at a time.")
    ends = queries.group_by("user").agg(end=pl.col("time").min())
    own = events.join(ends, on="user", how="left", maintain_order="left")
    history = own.filter(pl.col("end").is_null() | (pl.col("time") <= pl.col("end"))).drop("end")
    if past_only:
        history = history.filter(pl.col("time") <= queries["time"].min())
    asked = queries.select("query", "user", until="time")
    past = events.join(asked, on="user").filter(pl.col("time") <= pl.col("until")).sort("query", "time", "item")
    back = (pl.int_range(pl.len(), 0, -1).over("query") - 1).cast(pl.Int32)
    return Fold(history, queries, past.select("query", "item", "time", back=back), answers)


def _as_numbers(frame: pl.DataFrame, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """The frame with ids as Int32 and times as Int64. ``UserError`` where a column lacks, or holds anything else."""
    for column in columns:
        if column not in frame.columns:
            raise UserError(f"{name}: there is no column {column}; it has {', '.join(frame.columns) or 'none'}.")
        values, is_time = frame[column], column == "time"
        fits = values.dtype.is_integer() and not values.has_nulls()
        if not fits or not (is_time or values.is_between(0, ID_LIMIT - 1).all()):
            remedy = "give ms since 1970" if is_time else "number the ids from 0 on"
            raise UserError(f"{name}.{column} must hold whole numbers, and is {values.dtype}: {remedy}.")
    return frame.with_columns(pl.col(column).cast(pl.Int64 if column == "time" else pl.Int32) for column in columns)
