"""Cutting a log by time: a fold's history, its queries, and (never shown to features) the answers."""

from dataclasses import dataclass

import numpy as np
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


def cut_history(clicks: pl.DataFrame, first_hidden: pl.DataFrame) -> pl.DataFrame:
    """Drop, for every user of ``first_hidden`` (user, cut in ms, item), the clicks from its cut on.

    A click at the very millisecond of the cut is kept unless it is the hidden item: the organisers' clocks are coarse.
    Every labelled click leaves the statistics, for all rows alike. (Taking only a row's own click out of each count
    leaks: the label's count is then exactly one lower than the same item's count in any other row.)

    >>> clicks = pl.DataFrame({"user": [1, 1, 1, 2], "time": [5, 9, 9, 9], "item": [7, 7, 8, 8]})
    >>> cut_history(clicks, pl.DataFrame({"user": [1], "cut": [9], "item": [8]})).rows()
    [(1, 5, 7), (1, 9, 7), (2, 9, 8)]
    """
    marked = clicks.join(first_hidden.select("user", "cut", hidden="item"), on="user", how="left")
    late = (pl.col("time") > pl.col("cut")) | ((pl.col("time") == pl.col("cut")) & (pl.col("item") == pl.col("hidden")))
    return marked.filter(~late.fill_null(False)).drop("cut", "hidden")


def resample_to_match(pool: pl.DataFrame, target: pl.DataFrame, by: list[str], size: int, seed: int) -> pl.DataFrame:
    """Draw up to ``size`` rows of ``pool``, without replacement, distributed over ``by`` like ``target``.

    Rows of a cell are drawn with weight (target's share / pool's share) by the exponential-races method (Efraimidis and
    Spirakis 2006); cells that the target lacks are never drawn. Order: that of ``pool``.

    >>> pool = pl.DataFrame({"id": range(6), "length": [1, 1, 1, 1, 2, 3]})
    >>> target = pl.DataFrame({"length": [2, 3, 3]})
    >>> resample_to_match(pool, target, ["length"], size=5, seed=0)["id"].to_list()
    [4, 5]
    """
    share = target.group_by(by).agg(target=pl.len() / max(target.height, 1))
    held = pool.group_by(by).agg(pool=pl.len() / max(pool.height, 1))
    weight = share.join(held, on=by).select(*by, weight=pl.col("target") / pl.col("pool"))
    marked = pool.with_row_index("_row").join(weight, on=by, how="inner").sort("_row")
    # Each row arrives after an exponential time whose rate is its weight: the first ``size`` are the draw.
    races = np.random.default_rng(seed).exponential(size=marked.height) / marked["weight"].to_numpy()
    chosen = np.sort(np.argsort(races, kind="stable")[:size])
    return marked[chosen].drop("_row", "weight")
