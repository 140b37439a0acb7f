"""The amounts of the host's profile columns: rates of the columns that are names added nothing, see LOG.md."""

import polars as pl

from common.learning.dataset import attach
from competitions.mgtv.split import Slates

NAMES = ("f0", "f68", "f69", "f87")  # columns of names, whose numbers have no order


def describe_profiles(profiles: pl.DataFrame, slates: Slates) -> pl.DataFrame:
    """One row per query, in order: query, and the block's features; null without a profile."""
    amounts = profiles.select("device", pl.exclude("device", *NAMES).cast(pl.Float32).name.prefix("profile_"))
    return attach(slates.queries, amounts, ["device"]).drop("device")
