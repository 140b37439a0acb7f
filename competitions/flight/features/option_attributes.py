"""What describes one option, by itself and against the other options of its search: the base of features and history.

``add_attributes`` takes whole sessions only: a comparison within a session needs all of its options.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from competitions.flight.io.reader import Searches

LEGS = ("out", "back")
DAY_MINUTES = 1440
FLIGHTS = [f"{leg}_{name}" for leg in LEGS for name in ("departure", "arrival", "carrier", "flight")]


def slice_sessions(sessions: pl.DataFrame, rows: int) -> Iterator[tuple[int, int]]:
    """Cut the sessions, in order, into runs [first, last) of about ``rows`` options, at least one session each.

    >>> list(slice_sessions(pl.DataFrame({"first": [0, 2, 5], "size": [2, 3, 9]}), rows=4))
    [(0, 2), (2, 3)]
    """
    ends = (sessions["first"] + sessions["size"]).to_list()
    first, start = 0, 0
    for stop, end in enumerate(ends, 1):
        if end - start >= rows or stop == len(ends):
            yield first, stop
            first, start = stop, end


def take_options(options: pl.DataFrame, sessions: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    """The options of the sessions [first, last)."""
    start = sessions["first"][first]
    return options.slice(start, sessions["first"][last - 1] + sessions["size"][last - 1] - start)


@dataclass(frozen=True)
class SessionChunk:
    """Some whole sessions with everything that a feature may look at: the ``sessions`` with their snapshot and its time
    (``until``), their ``options`` with attributes; ``session_rows``: by option, the row of its session in ``sessions``.
    """

    sessions: pl.DataFrame
    options: pl.DataFrame
    session_rows: pl.Series


def cut_chunk(searches: Searches, first: int, last: int) -> SessionChunk:
    """The sessions [first, last) with their options, before it is said what they see."""
    options = add_attributes(take_options(searches.options, searches.sessions, first, last))
    return SessionChunk(searches.sessions[first:last], options, options["session"] - first)


def add_attributes(options: pl.DataFrame) -> pl.DataFrame:
    """Whole sessions' options with their attributes added: one row per option, in the same order.

    ``duration`` (minutes) and ``segments`` are sums over the legs, hours are local clock hours. Compared with the
    session: ``price_ratio`` and ``duration_ratio`` (log of the quotient by the smallest), ``segments_more`` (than the
    fewest). ``itinerary`` marks the options with the same flights, ``fare_level`` is the rank of an option's price
    among them, 0 the cheapest.
    """
    own = options.with_columns(
        duration=pl.col("out_duration").cast(pl.Float32) + pl.col("back_duration").cast(pl.Float32).fill_null(0.0),
        segments=pl.col("out_segments").cast(pl.Float32) + pl.col("back_segments").cast(pl.Float32).fill_null(0.0),
        direct=(pl.col("out_segments") == 1) & (pl.col("back_segments").fill_null(1) <= 1),
        out_hour=_hour("out_departure"),
        back_hour=_hour("back_departure"),
        out_arrival_hour=_hour("out_arrival"),
        back_arrival_hour=_hour("back_arrival"),
        cabin=pl.mean_horizontal("out_cabin", "back_cabin").cast(pl.Float32),
        bags=pl.min_horizontal(_pieces("out"), _pieces("back")),
        free_exchange=_free("exchange"),
        free_cancel=_free("cancel"),
        itinerary=pl.struct("session", *FLIGHTS).hash(),
        position=pl.int_range(pl.len(), dtype=pl.Int32).over("session").cast(pl.Float32),
    )
    return own.with_columns(
        price_ratio=_log_ratio("price"),
        duration_ratio=_log_ratio("duration"),
        segments_more=pl.col("segments") - pl.col("segments").min().over("session"),
        fare_level=pl.col("price").rank("min").over("itinerary").cast(pl.Float32) - 1,
    )


def _hour(column: str) -> pl.Expr:
    return (pl.col(column) % DAY_MINUTES).cast(pl.Float32) / 60


def _pieces(leg: str) -> pl.Expr:
    """Bags allowed: pieces as they are; any allowance by weight counts as one piece."""
    pieces = pl.col(f"{leg}_bags").cast(pl.Float32)
    return pl.when(pl.col(f"{leg}_bags_kg") == 1).then(pieces.clip(0, 1)).otherwise(pieces)


def _free(action: str) -> pl.Expr:
    """1 where the action is allowed and costs nothing."""
    costs = pl.max_horizontal(f"{action}_fee", f"{action}_percent")
    return ((pl.col(f"{action}_allowed") == 1) & (costs == 0)).cast(pl.Float32)


def _log_ratio(column: str) -> pl.Expr:
    lowest = pl.col(column).min().over("session")
    return (pl.col(column).clip(lower_bound=1) / lowest.clip(lower_bound=1)).log().cast(pl.Float32)
