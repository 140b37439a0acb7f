"""What a device did before the day with the video, its collection, channel and whatever else it belongs to.

People follow a programme episode by episode: the serial of the last episode watched, and how much of it, predict which
one comes next.
"""

import polars as pl

from common.features.rates import shrink
from common.learning.cooccurrence import FIXED_POINT, to_fixed_point
from common.learning.dataset import attach
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.features.target_encoding import DEVICE_PRIOR, HALF_LIVES, decay_weight, weigh_events
from competitions.mgtv.split import Slates

LEVELS = ("video", "collection", "series", "channel", "type", "source", "intact", "stype")
HALF_LIFE = HALF_LIVES[-1]  # in days
RATES = ("click", "finish")
USED = ("shows", "clicks", "plays", "finished", "residual")  # of the counts
RESIDUAL_LEVELS = ("collection", "channel", "type")
FINISHED = 0.6  # of an episode, after which the next one is due
# A trailer and a short bear the number of their episode: each kind of a collection's videos is numbered for itself.
SERIES = ("collection", "intact")
KIND = pl.col("intact").fill_null(-1)


def describe_pairs(
    history: DeviceHistory, slates: Slates, videos: pl.DataFrame, by_video: pl.DataFrame, by_query: pl.DataFrame
) -> pl.DataFrame:
    """One row per row of the slates, in order: the block's features.

    ``by_video`` and ``by_query`` are the video and device blocks, whose rates are what those of a pair are drawn to.
    """
    rows = attach(slates.rows, videos.select("video", *LEVELS[1:], "serial"), ["video"])
    above = _list_rates(rows, by_video, by_query)
    weighed = _weigh_log(history)
    total = weighed.lazy().group_by("device").agg(total=pl.col("clicks").sum() / FIXED_POINT)
    rows = attach(rows, total.collect(), ["device"])
    parts = [_describe_level(weighed, rows, above, level) for level in LEVELS]
    return pl.concat([*parts, _describe_episodes(history, rows)], how="horizontal").cast({pl.Float64: pl.Float32})


def _list_rates(rows: pl.DataFrame, by_video: pl.DataFrame, by_query: pl.DataFrame) -> pl.DataFrame:
    """The rates of each row's device (device_click) and of what its video belongs to (collection_click)."""
    named = {level: "own" if level == "video" else level for level in LEVELS}  # as the video block names them
    of_video = {f"{level}_{rate}": f"video_{named[level]}_{rate}_{HALF_LIFE:g}d" for level in LEVELS for rate in RATES}
    of_device = {f"device_{rate}": f"device_{rate}_{HALF_LIFE:g}d" for rate in RATES}
    joined = attach(rows.select("video", "query"), by_video.select("video", **of_video), ["video"])
    return attach(joined, by_query.select("query", **of_device), ["query"])


def _weigh_log(history: DeviceHistory) -> pl.DataFrame:
    """By log row what every level adds up: the ``USED`` counts in fixed point, and days since a click."""
    events = weigh_events(decay_weight(history.day, HALF_LIFE))
    ago = pl.when("clicked").then(history.day - pl.col("day"))
    return history.log.select("device", *LEVELS, *(to_fixed_point(events[name]).alias(name) for name in USED), ago=ago)


def _describe_level(weighed: pl.DataFrame, rows: pl.DataFrame, above: pl.DataFrame, level: str) -> pl.DataFrame:
    """Counts and rates of (device, level); a pair without a history gets the mean of device's and level's rates."""
    counts = (
        weighed.lazy()
        .drop_nulls(level)
        .group_by("device", level)
        .agg(pl.col(*USED).sum() / FIXED_POINT, clicked_ago=pl.col("ago").min().cast(pl.Float32))
        .collect()
    )
    joined = attach(rows.select("device", level, "total"), counts, ["device", level])
    filled = joined.with_columns(pl.col(*USED, "total").fill_null(0.0))
    base = {rate: (above[f"device_{rate}"] + above[f"{level}_{rate}"]) / 2 for rate in RATES}
    columns = {
        "click": shrink(pl.col("clicks"), pl.col("shows"), base["click"], DEVICE_PRIOR),
        "finish": shrink(pl.col("finished"), pl.col("plays"), base["finish"], DEVICE_PRIOR),
        "shows": pl.col("shows"),
        "clicks": pl.col("clicks"),
        "clicked_ago": pl.col("clicked_ago"),
        "click_share": pl.col("clicks") / (pl.col("total") + 1.0),
    }
    if level in RESIDUAL_LEVELS:
        columns["residual"] = pl.col("residual") / (pl.col("plays") + DEVICE_PRIOR)
    return filled.select(value.alias(f"pair_{level}_{name}") for name, value in columns.items())


def _describe_episodes(history: DeviceHistory, rows: pl.DataFrame) -> pl.DataFrame:
    """How the candidate stands to the last and to the latest episode, of its collection and kind, that was watched."""
    watched = history.log.lazy().filter("clicked").drop_nulls(["collection", "serial"]).with_columns(KIND)
    last = watched.group_by("device", *SERIES, maintain_order=True).agg(
        last_serial=pl.col("serial").last(),
        last_t=pl.col("t").last(),
        last_day=pl.col("day").last(),
        top_serial=pl.col("serial").max(),
        episodes=pl.col("video").n_unique(),
        last_finished=pl.col("serial").filter(pl.col("t") >= FINISHED).last(),
    )
    joined = attach(rows.select("device", "collection", KIND, "serial"), last.collect(), ["device", *SERIES])
    gap, due = pl.col("serial") - pl.col("last_serial"), pl.col("serial") - pl.col("last_finished")
    return joined.select(
        pair_episode_gap=gap.cast(pl.Float32),
        pair_episode_next=(gap == 1).fill_null(False),
        pair_episode_due=(due == 1).fill_null(False),
        pair_episode_again=(gap == 0).fill_null(False),
        pair_episode_top_gap=(pl.col("serial") - pl.col("top_serial")).cast(pl.Float32),
        pair_episode_last_t=pl.col("last_t"),
        pair_episode_last_ago=(history.day - pl.col("last_day")).cast(pl.Float32),
        pair_episodes=pl.col("episodes").fill_null(0).cast(pl.Float32),
    )
