"""The profile columns: amounts as they are, names as what devices of the same name did before the day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class NameRates:
    """The features of a profile column of names, by name (0: none) and by channel, or by name alone: ``values`` (names,
    channels or 1, features), and what the features are called.
    """

    columns: Sequence[str]
    values: NDArray[np.float32]


@dataclass(frozen=True)
class ProfileTables:
    """What the block looks up on a day. ``devices``: device (ascending), its amounts, its names as codes, 0 for none.
    ``channels`` (videos,): the number of each video's channel; ``names``: by profile column.
    """

    devices: pl.DataFrame
    channels: NDArray[np.integer]
    names: Mapping[str, NameRates]


def describe_profiles(
    profiles: pl.DataFrame,
    tallies: Mapping[str, pl.DataFrame],
    slates: Slates,
    videos: pl.DataFrame,
    half_life: float,
) -> pl.DataFrame:
    """One row per row of the slates, in order: the block's features."""
    return look_up_profiles(slates.rows, tabulate_profiles(profiles, tallies, slates, videos, half_life))


def look_up_profiles(rows: pl.DataFrame, tables: ProfileTables) -> pl.DataFrame:
    """The block of some rows (device, video): the device's amounts, the rates of its names in the video's channel."""
    own = attach(rows.select("device"), tables.devices, ["device"])
    parts, channel = [own.drop("device", *tables.names)], tables.channels[rows["video"].to_numpy()]
    for name, rates in tables.names.items():
        code = own[name].fill_null(0).to_numpy()
        values = rates.values[code, channel if rates.values.shape[1] > 1 else 0]
        parts.append(pl.DataFrame(values, rates.columns, orient="row"))
    return pl.concat(parts, how="horizontal")


def tabulate_profiles(
    profiles: pl.DataFrame,
    tallies: Mapping[str, pl.DataFrame],
    slates: Slates,
    videos: pl.DataFrame,
    half_life: float,
) -> ProfileTables:
    """The tables of the devices of the slates, on their day."""
    channel = videos["channel"].fill_null(-2)
    channels = channel.unique().sort()
    coded = profiles.select(
        "device",
        pl.exclude("device", *tallies).cast(pl.Float32).name.prefix("profile_"),
        *(code_names(name).fill_null(0).alias(name) for name in tallies),
    )
    names = {}
    for name, tally in tallies.items():
        codes = pl.int_range(pl.col(name).max().fill_null(0) + 1, dtype=pl.Int32).alias("name")
        known = channels if (tally["channel"] != -1).any() else channels[:1]
        keys = coded.select(codes).join(known.to_frame(), how="cross")
        described = _describe_names(keys, tally, name, slates.day, half_life).cast(pl.Float32)
        values = described.to_numpy().reshape(-1, len(known), described.width)
        names[name] = NameRates(described.columns, values)
    devices = coded.join(slates.queries, on="device", how="semi").sort("device")
    return ProfileTables(devices, channels.search_sorted(channel).to_numpy(), names)


def _describe_names(rows: pl.DataFrame, tally: pl.DataFrame, column: str, day: int, half_life: float) -> pl.DataFrame:
    """Rates of the name (0 has none of its own), and of the name within the channel less the channel's."""
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
