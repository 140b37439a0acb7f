"""Item-to-item tables: one row per ordered pair, with item, neighbour and weight, counted in what users did."""

import polars as pl

from common.retrieval.settings import CovisitSettings
from common.time_units import HOUR_MS

FIXED_POINT = 2**32


def count_covisits(clicks: pl.DataFrame, settings: CovisitSettings) -> pl.DataFrame:
    """Co-visitation: how often two items stand near each other in one user's log.

    A pair ``g`` positions and ``dt`` hours apart, g <= ``reach``, adds decay^(g-1) * 0.5^(dt / half_life_hours)
    / log(1 + user's clicks), times ``forward`` for the later item as the neighbour and ``reverse`` for the earlier one.
    The sum is divided by (clicks of both, multiplied)^power: 0.5 is the cosine, 0.25 favours popular neighbours.

    One row per (item, neighbour), at most ``top`` an item, by falling weight. Memory grows with clicks * reach.

    >>> settings = CovisitSettings(
    ...     reach=2, forward=1.0, reverse=0.5, decay=0.5, half_life_hours=1e9, power=0.0, top=9
    ... )
    >>> clicks = pl.DataFrame({"user": [0, 0, 0], "item": [7, 8, 9], "time": [1, 2, 3]})
    >>> pairs = count_covisits(clicks, settings).cast({"weight": pl.Float64})
    >>> pairs.with_columns(pl.col("weight").round(3)).rows()[:2]  # 1 / log(4), and with the decay half of it
    [(7, 8, 0.721), (7, 9, 0.361)]
    """
    log = clicks.sort("user", "time", "item").select("user", "item", "time", n=pl.len().over("user"))
    pairs = [
        _pairs_at(log.lazy(), gap, settings.decay ** (gap - 1), settings.half_life_hours)
        for gap in range(1, settings.reach + 1)
    ]
    one_way = pl.concat(pairs).group_by("item", "neighbour").agg(exact_sum(pl.col("weight")))
    other_way = one_way.select(item="neighbour", neighbour="item", weight=pl.col("weight") * settings.reverse)
    both = pl.concat([one_way.with_columns(pl.col("weight") * settings.forward), other_way])
    weights = both.group_by("item", "neighbour").agg(exact_sum(pl.col("weight")))
    return _rank_neighbours(weights, clicks, settings.power, settings.top)


def exact_sum(value: pl.Expr) -> pl.Expr:
    """Sum in fixed point, to 2^-32: whole numbers add up to the same bits in whatever order threads take the rows.
    A sum of 2^31 and more overflows.

    >>> pl.DataFrame({"x": [0.5, 0.25]}).select(exact_sum(pl.col("x"))).item()
    0.75
    """
    return to_fixed_point(value).sum() / FIXED_POINT


def to_fixed_point(value: pl.Expr) -> pl.Expr:
    """The whole number of 2^-32 nearest to each value: to be added up, then divided by ``FIXED_POINT``.

    >>> pl.DataFrame({"x": [0.5]}).select(to_fixed_point(pl.col("x"))).item() == FIXED_POINT // 2
    True
    """
    return (value.cast(pl.Float64) * FIXED_POINT).round().cast(pl.Int64)


def _pairs_at(log: pl.LazyFrame, gap: int, decay: float, half_life_hours: float) -> pl.LazyFrame:
    hours = (pl.col("time").shift(-gap) - pl.col("time")) / HOUR_MS
    weight = decay * 0.5 ** (hours / half_life_hours) / pl.col("n").log1p()
    neighbour = pl.col("item").shift(-gap)
    same_user = (pl.col("user") == pl.col("user").shift(-gap)) & (pl.col("item") != neighbour)
    return log.select("item", neighbour=neighbour, weight=weight, keep=same_user).filter("keep").drop("keep")


def count_transitions(clicks: pl.DataFrame, *, power: float, top: int, gap_ms: int | None = None) -> pl.DataFrame:
    """How often ``neighbour`` is the very next click after ``item``.

    With ``gap_ms`` only steps of exactly that many milliseconds count. Normalised and cut as in ``count_covisits``.

    >>> clicks = pl.DataFrame({"user": [0, 0, 0, 1, 1], "item": [7, 8, 9, 7, 8], "time": [1, 2, 3, 4, 5]})
    >>> count_transitions(clicks, power=0.5, top=9).rows()  # 2 / sqrt(2 * 2), 1 / sqrt(2 * 1)
    [(7, 8, 1.0), (8, 9, 0.7071067690849304)]
    """
    log = clicks.sort("user", "time", "item").lazy()
    same_user = pl.col("user") == pl.col("user").shift(-1)
    wait = pl.col("time").shift(-1) - pl.col("time")
    keep = same_user if gap_ms is None else same_user & (wait == gap_ms)
    pairs = log.select("item", neighbour=pl.col("item").shift(-1), keep=keep).filter("keep")
    counts = pairs.filter(pl.col("item") != pl.col("neighbour")).group_by("item", "neighbour")
    return _rank_neighbours(counts.agg(weight=pl.len().cast(pl.Float64)), clicks, power, top)


def _rank_neighbours(weights: pl.LazyFrame, clicks: pl.DataFrame, power: float, top: int) -> pl.DataFrame:
    """Each item's ``top`` neighbours by their weight, divided by (clicks of both, multiplied)^power."""
    count = clicks.lazy().group_by("item").agg(count=pl.len().cast(pl.Float64))
    joined = weights.join(count, on="item").join(count.select(neighbour="item", other="count"), on="neighbour")
    weight = pl.col("weight") / (pl.col("count") * pl.col("other")) ** power
    return keep_top(joined.select("item", "neighbour", weight=weight), "item", "neighbour", "weight", top)


def keep_top(frame: pl.LazyFrame, group: str, item: str, value: str, top: int) -> pl.DataFrame:
    """The ``top`` rows of each group by falling value, ties by ``item``; sorted by group, then best first.

    >>> table = pl.LazyFrame({"item": [1, 1, 1], "neighbour": [9, 8, 7], "weight": [0.5, 0.5, 0.1]})
    >>> keep_top(table, "item", "neighbour", "weight", top=2).rows()
    [(1, 8, 0.5), (1, 9, 0.5)]
    """
    order = pl.struct(-pl.col(value), pl.col(item)).rank("ordinal").over(group)
    kept = frame.with_columns(pl.col(value).cast(pl.Float32)).filter(order <= top)
    return kept.sort([group, value, item], descending=[False, True, False]).collect(engine="streaming")
