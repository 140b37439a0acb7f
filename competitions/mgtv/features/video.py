"""A video before the day: the rates of it and of all that it belongs to, its age and its length."""

from collections.abc import Sequence

import polars as pl

from common.learning.dataset import attach
from competitions.mgtv.features.target_encoding import HALF_LIVES, PRIOR, Counts, decay

LEVELS = ("channel", "type", "source", "intact", "stype", "series", "collection")
ABOVE = {"collection": "channel", "series": "channel"}  # a level's rates are drawn to those of the level above it
RATES = ("click", "answer", "finish", "abandon", "log_t")
SIZES = ("shows", "clicks")
BROAD = ("type", "source", "intact", "stype")  # few values: the long half-life alone is enough


def describe_videos(
    tally: pl.DataFrame, videos: pl.DataFrame, day: int, half_lives: Sequence[float] = HALF_LIVES
) -> pl.DataFrame:
    """One row per video code, in code order: video, and the block's features as of the start of ``day``."""
    parts = [videos.select("video"), _describe_facts(tally, videos, day)]
    for half_life in half_lives:
        levels = [level for level in LEVELS if half_life == half_lives[-1] or level not in BROAD]
        parts.append(_describe_rates(tally, videos, day, half_life, levels))
    short, long = (f"video_own_log_shows_{half_lives[i]:g}d" for i in (0, -1))
    frame = pl.concat(parts, how="horizontal")
    return frame.with_columns(video_trend=pl.col(short) - pl.col(long)).cast({pl.Float64: pl.Float32})


def _describe_facts(tally: pl.DataFrame, videos: pl.DataFrame, day: int) -> pl.DataFrame:
    """What the table says of a video, its place among the episodes that were shown before the day, and its age."""
    ages = _find_ages(tally, day)
    # The table holds what came later, too: on a training day the episodes of the days to come, on the test day none.
    known, shown = attach(videos, ages, ["video"]), pl.col("video_age").is_not_null()
    most = _of_kind(pl.when(shown).then("serial").max())
    return known.select(
        video_duration=pl.col("duration"),
        video_type="type",
        video_source="source",
        video_channel="channel",
        video_intact="intact",
        video_stype="stype",
        video_serial=pl.col("serial").cast(pl.Float32),
        video_serial_share=(pl.col("serial") / most.clip(lower_bound=1)).cast(pl.Float32),
        video_episodes=_of_kind(shown.sum()).cast(pl.Float32),
        video_known=pl.col("known"),
        **{name: pl.col(name) for name in ages.columns if name != "video"},
        video_newest_age=_of_kind(pl.col("video_age").min()),
    )


def _of_kind(value: pl.Expr) -> pl.Expr:
    """A value of the videos of a collection and kind, as a trailer is no episode; null without a collection."""
    return pl.when(pl.col("collection").is_not_null()).then(value.over("collection", "intact"))


def _find_ages(tally: pl.DataFrame, day: int) -> pl.DataFrame:
    """Days since each video seen before the day was first shown, last shown, last clicked; counts of its last day."""
    history = tally.filter(pl.col("day") < day)
    clicked = pl.col("day").filter(pl.col("clicks") > 0)
    return history.group_by("video").agg(
        video_age=(day - pl.col("day").min()).cast(pl.Float32),
        video_shown_ago=(day - pl.col("day").max()).cast(pl.Float32),
        video_clicked_ago=(day - clicked.max()).cast(pl.Float32),
        video_log_shows_yesterday=pl.col("shows").filter(pl.col("day") == day - 1).sum().log1p(),
        video_log_clicks_yesterday=pl.col("clicks").filter(pl.col("day") == day - 1).sum().log1p(),
    )


def _describe_rates(
    tally: pl.DataFrame, videos: pl.DataFrame, day: int, half_life: float, levels: Sequence[str]
) -> pl.DataFrame:
    """Posterior rates of each level: a level without one above is drawn to the overall rate."""
    own = Counts(attach(videos.select("video", *LEVELS), decay(tally, day, half_life), ["video"]))
    root, rates, parts = own.mean(), dict[str, pl.DataFrame](), []
    for level in levels:
        counts = own.over(level)
        rates[level] = counts.rates(rates.get(ABOVE.get(level, ""), root), PRIOR, RATES)
        parts.append(counts.describe(rates[level], SIZES, f"video_{level}", half_life))
    parts.append(own.describe(own.rates(rates["collection"], PRIOR, RATES), SIZES, "video_own", half_life))
    return pl.concat(parts, how="horizontal")
