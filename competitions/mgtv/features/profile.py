"""The profile columns: amounts as they are, names as what devices of the same name did before the day."""

from collections.abc import Mapping, Sequence

import polars as pl

from common.learning.features import attach
from competitions.mgtv.features.target_encoding import PRIOR, count_events, repeat_rates, shrink, sum_decayed
from competitions.mgtv.split import Slates

RATES = ("click", "finish", "log_t")
MANY = 2_000  # names; beyond it they are not crossed with the channels


def tally_categories(
    log: pl.DataFrame, profiles: pl.DataFrame, videos: pl.DataFrame, categories: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """For each profile column of names the counts of every (name, channel, day); channel -1 stands for all channels."""
    channel = videos["channel"].fill_null(-2)
    tallies = {}
    for column in (name for name in categories if name in profiles.columns):
        names = profiles.select("device", name=code_names(column)).drop_nulls()
        crossed = names["name"].n_unique() <= MANY
        by_channel = channel.gather(log["video"]) if crossed else pl.repeat(-1, log.height, dtype=pl.Int32, eager=True)
        tallies[column] = (
            log.lazy()
            .with_columns(channel=by_channel, residual=pl.lit(0.0))
            .join(names.lazy(), on="device")
            .group_by("name", "channel", "day")
            .agg(count_events(pl.lit(1.0)))
            .sort("name", "channel", "day")
            .collect(engine="streaming")
        )
    return tallies


def code_names(column: str) -> pl.Expr:
    """The names of a profile column as codes: names may be any numbers."""
    return pl.col(column).rank("dense").cast(pl.Int32)


def describe_profiles(
    profiles: pl.DataFrame,
    tallies: Mapping[str, pl.DataFrame],
    slates: Slates,
    videos: pl.DataFrame,
    half_life: float,
) -> pl.DataFrame:
    """One row per row of the slates, in order: the block's features."""
    named = list(tallies)
    amounts = [name for name in profiles.columns if name not in ("device", *named)]
    coded = profiles.with_columns(code_names(name).alias(name) for name in named)
    own = coded.join(slates.queries.select("device"), on="device", how="semi")
    rows = attach(slates.rows, videos.select("video", channel=pl.col("channel").fill_null(-2)), ["video"])
    rows = attach(rows, own, ["device"])
    parts = [rows.select(pl.col(name).cast(pl.Float32).alias(f"profile_{name}") for name in amounts)]
    for name in named:
        keys = rows.select("channel", name=pl.col(name))
        parts.append(_describe_names(keys, tallies[name], name, slates.day, half_life))
    return pl.concat(parts, how="horizontal").cast({pl.Float64: pl.Float32})


def _describe_names(rows: pl.DataFrame, tally: pl.DataFrame, column: str, day: int, half_life: float) -> pl.DataFrame:
    """Rates of the name, and of the name within the channel as a difference from the channel's."""
    counts = sum_decayed(tally, ["name", "channel"], day, half_life)
    root = repeat_rates(counts, RATES, rows.height)

    def attach_sums(key: str) -> pl.DataFrame:
        sums = counts.group_by(key).agg(pl.exclude("name", "channel").sum()).sort(key)
        return attach(rows, sums, [key])

    rates = shrink(attach_sums("name"), root, PRIOR, RATES)
    parts = [rates.rename({rate: f"profile_{column}_{rate}" for rate in RATES})]
    if (tally["channel"] != -1).any():
        by_channel = shrink(attach_sums("channel"), root, PRIOR, RATES)
        crossed = shrink(attach(rows, counts, ["name", "channel"]), by_channel, PRIOR, RATES)
        lift = {f"profile_{column}_channel_{rate}": crossed[rate] - by_channel[rate] for rate in RATES}
        parts.append(pl.DataFrame(lift))
    return pl.concat(parts, how="horizontal")
