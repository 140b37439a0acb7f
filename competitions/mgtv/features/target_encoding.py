"""Decayed counts of what happened before a day, and rates made of them, each drawn to that of the level above: a
video's to its collection's, a collection's to its channel's (``common/features/rates.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from common.features.rates import shrink
from common.learning.cooccurrence import exact_sum
from competitions.mgtv.split import Slates

HALF_LIVES = (2.0, 14.0)  # of decayed counts, in days, the longest last
# Impressions (or plays) that the level above speaks for: of videos; of devices and their pairs.
PRIOR, DEVICE_PRIOR = 20.0, 4.0
FINISHED, ABANDONED = 0.95, 0.15
LOWEST, HIGHEST = 0.01, 2.0  # log t is taken of t within these: one play of 50 rounds is not 50 viewers
COUNTS = ("shows", "clicks", "answers", "plays", "finished", "abandoned", "log_t", "residual")
# rate: (events, trials)
RATES = {
    "click": ("clicks", "shows"),
    "answer": ("answers", "shows"),
    "finish": ("finished", "plays"),
    "abandon": ("abandoned", "plays"),
    "log_t": ("log_t", "plays"),
    "residual": ("residual", "plays"),
}


def count_events(weight: pl.Expr) -> list[pl.Expr]:
    """The ``COUNTS`` of a group of log rows with column ``residual``, each row counting ``weight``.

    Sums are exact (see ``exact_sum``), so that the order in which threads take the rows does not show.
    """
    return [exact_sum(value).alias(name) for name, value in weigh_events(weight).items()]


def weigh_events(weight: pl.Expr) -> dict[str, pl.Expr]:
    """What each log row adds to the ``COUNTS`` of its group."""
    t, played = pl.col("t"), pl.col("t") > 0
    flags = {
        "shows": pl.col("shown"),
        "clicks": pl.col("clicked"),
        "answers": pl.col("answer"),
        "plays": played.fill_null(False),
        "finished": (t >= FINISHED).fill_null(False),
        "abandoned": (played & (t < ABANDONED)).fill_null(False),
        "log_t": log_rate(),
        "residual": pl.col("residual"),
    }
    return {name: weight * flag.cast(pl.Float64).fill_null(0.0) for name, flag in flags.items()}


def log_rate() -> pl.Expr:
    """log t of a played row, null for others."""
    return pl.when(pl.col("t") > 0).then(pl.col("t").clip(LOWEST, HIGHEST).log())


def before_day(log: pl.DataFrame, slates: Slates) -> pl.LazyFrame:
    """The log strictly before the day of the slates: the only door through which features see the log."""
    return log.lazy().filter(pl.col("day") < slates.day)


def decay_weight(day: int, half_life: float) -> pl.Expr:
    """The weight of a log row for ``day``: 1 for the day before, half of it ``half_life`` days earlier."""
    return 0.5 ** ((day - 1 - pl.col("day")).cast(pl.Float64) / half_life)


def tally_videos(log: pl.DataFrame) -> pl.DataFrame:
    """The counts of every (video, day): made once, since each day then adds up the days before it."""
    marked = log.lazy().with_columns(residual=pl.lit(0.0))
    return (
        marked.group_by("video", "day").agg(count_events(pl.lit(1.0))).sort("video", "day").collect(engine="streaming")
    )


def decay(tally: pl.DataFrame, day: int, half_life: float) -> pl.DataFrame:
    """One row per video, ascending: the counts of the days before ``day`` in a ``tally``, decayed."""
    before = tally.lazy().filter(pl.col("day") < day).group_by("video")
    faded = (exact_sum(pl.col(name) * decay_weight(day, half_life)).alias(name) for name in COUNTS)
    return before.agg(faded).sort("video").collect()


@dataclass(frozen=True)
class Counts:
    """The ``COUNTS`` of some groups, such as videos or devices, a row each; null where there is no history."""

    frame: pl.DataFrame

    def over(self, level: str) -> "Counts":
        """The counts of all rows of the same ``level``, for each of them; null where it is unknown."""
        known = pl.when(pl.col(level).is_not_null())
        return Counts(self.frame.select(known.then(exact_sum(pl.col(name)).over(level)).alias(name) for name in COUNTS))

    def mean(self) -> dict[str, float]:
        """The rates of all rows together, 0 without a trial: the level above all others."""
        total = {name: float(self.frame[name].sum()) for name in COUNTS}
        return {rate: total[events] / max(total[trials], 1e-9) for rate, (events, trials) in RATES.items()}

    def rates(
        self, above: pl.DataFrame | Mapping[str, float], prior: float, rates: Sequence[str] = tuple(RATES)
    ) -> pl.DataFrame:
        """Posterior means (rows, rates), drawn to the rates ``above``: row by row, or one of all.

        >>> counts = Counts(pl.DataFrame({"clicks": [3.0, None], "shows": [5.0, None]}))
        >>> counts.rates(pl.DataFrame({"click": [0.5, 0.25]}), 5.0, ["click"])["click"].to_list()
        [0.55, 0.25]
        """
        parts = {rate: [pl.col(name).fill_null(0.0) for name in RATES[rate]] for rate in rates}
        return self.frame.select(
            shrink(events, trials, above[rate], prior).alias(rate) for rate, (events, trials) in parts.items()
        )

    def describe(self, rates: pl.DataFrame, sizes: Sequence[str], name: str, half_life: float) -> pl.DataFrame:
        """Features of a group: its ``rates``, and the logarithm of the counts ``sizes``, as NAME_click_14d."""
        parts = [*rates, *(pl.col(size).fill_null(0.0).log1p().alias(f"log_{size}") for size in sizes)]
        return self.frame.select(parts).rename(lambda part: f"{name}_{part}_{half_life:g}d")
