"""A video before the day: the rates of it and of all that it belongs to, its age and its length."""

from collections.abc import Sequence

import polars as pl

from common.learning.dataset import attach
from competitions.mgtv.features.target_encoding import HALF_LIVES, PRIOR, decay, mean_rates, shrink, sum_over

LEVELS = ("channel", "type", "source", "intact", "stype", "series", "collection")
ABOVE = {"collection": "channel", "series": "channel"}  # a level's rates are drawn to those of the level above it
RATES = ("click", "answer", "finish", "abandon", "log_t")
BROAD = ("type", "source", "intact", "stype")  # few values: the long half-life alone is enough


def describe_videos(
    tally: pl.DataFrame, videos: pl.DataFrame, day: int, half_lives: Sequence[float] = HALF_LIVES
) -> pl.DataFrame:
    """One row per video code, in code order: video, and the block's features as of the start of ``day``."""
    parts = [videos.select("video"), _describe_facts(videos), _describe_age(tally, videos, day)]
    for half_life in half_lives:
        levels = [level for level in LEVELS if half_life == half_lives[-1] or level not in BROAD]
        parts.append(_describe_rates(tally, videos, day, half_life, levels))
    short, long = (f"video_own_log_shows_{_tag(half_lives[i])}" for i in (0, -1))
    frame = pl.concat(parts, how="horizontal")
    return frame.with_columns(video_trend=pl.col(short) - pl.col(long)).cast({pl.Float64: pl.Float32})


def _tag(half_life: float) -> str:
    return f"{half_life:g}d"


def _describe_facts(videos: pl.DataFrame) -> pl.DataFrame:
    most = _of_kind(pl.col("serial").max())
    return videos.select(
        video_duration=pl.col("duration"),
        video_type="type",
        video_source="source",
        video_channel="channel",
        video_intact="intact",
        video_stype="stype",
        video_serial=pl.col("serial").cast(pl.Float32),
        video_serial_share=(pl.col("serial") / most.clip(lower_bound=1)).cast(pl.Float32),
        video_episodes=_of_kind(pl.len()).cast(pl.Float32),
        video_known=pl.col("known"),
    )


def _of_kind(value: pl.Expr) -> pl.Expr:
    """A value of the videos of a collection and kind, as a trailer is no episode; null without a collection."""
    return pl.when(pl.col("collection").is_not_null()).then(value.over("collection", "intact"))


def _describe_age(tally: pl.DataFrame, videos: pl.DataFrame, day: int) -> pl.DataFrame:
    """Days since the video was first shown, last shown, last clicked, and impressions of the last day."""
    history = tally.filter(pl.col("day") < day)
    clicked = pl.col("day").filter(pl.col("clicks") > 0)
    ages = history.group_by("video").agg(
        video_age=(day - pl.col("day").min()).cast(pl.Float32),
        video_shown_ago=(day - pl.col("day").max()).cast(pl.Float32),
        video_clicked_ago=(day - clicked.max()).cast(pl.Float32),
        video_log_shows_yesterday=pl.col("shows").filter(pl.col("day") == day - 1).sum().log1p(),
        video_log_clicks_yesterday=pl.col("clicks").filter(pl.col("day") == day - 1).sum().log1p(),
    )
    joined = attach(videos.select("video", "collection", "intact"), ages, ["video"])
    newest = _of_kind(pl.col("video_age").min())
    return joined.with_columns(video_newest_age=newest).drop("video", "collection", "intact")


def _describe_rates(
    tally: pl.DataFrame, videos: pl.DataFrame, day: int, half_life: float, levels: Sequence[str]
) -> pl.DataFrame:
    """Posterior rates of each level: a level without one above is drawn to the overall rate."""
    tag, parts, posterior = _tag(half_life), [], dict[str, pl.DataFrame]()
    own = attach(videos.select("video", *LEVELS), decay(tally, day, half_life), ["video"])
    root = mean_rates(own, RATES)
    for level in levels:
        counts = own.select(sum_over(level))
        posterior[level] = shrink(counts, posterior.get(ABOVE.get(level, ""), root), PRIOR, RATES)
        parts.append(_name(posterior[level], counts, level, tag))
    rates = shrink(own, posterior["collection"], PRIOR, RATES)
    return pl.concat([*parts, _name(rates, own, "own", tag)], how="horizontal")


def _name(rates: pl.DataFrame, counts: pl.DataFrame, level: str, tag: str) -> pl.DataFrame:
    sizes = counts.select(
        pl.col("shows").fill_null(0.0).log1p().alias(f"video_{level}_log_shows_{tag}"),
        pl.col("clicks").fill_null(0.0).log1p().alias(f"video_{level}_log_clicks_{tag}"),
    )
    return pl.concat([rates.rename({rate: f"video_{level}_{rate}_{tag}" for rate in RATES}), sizes], how="horizontal")
