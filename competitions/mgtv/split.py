"""The split by day: which devices are scored, on which day, on which videos; the outcome is kept apart.

Features of a day see the log strictly before it. Training and validation days look like the test: one query a device,
its rows the slate of videos that it was shown on that day.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from common.engine.errors import UserError
from competitions.mgtv.config import SplitSettings
from competitions.mgtv.io.schema import PLAYS


@dataclass(frozen=True)
class DayPlan:
    """``train`` and ``valid`` days, ascending, and the day that the ``test`` is about; ``least``: the shortest list of
    the test, and so of every day.
    """

    train: tuple[int, ...]
    valid: tuple[int, ...]
    test: int
    least: int

    @property
    def days(self) -> tuple[int, ...]:
        """Every day with labels."""
        return (*self.train, *self.valid)


@dataclass(frozen=True)
class Slates:
    """What devices were shown on ``day``. ``rows``: query, device, video, position; a query's rows together, in the
    order shown. ``queries``: query (0 ..), device. A query may have no rows. ``shares``: video, share: of the rows of
    all lists of the day that could be asked, drawn or not, so that a day with fewer lists drawn is no noisier.
    """

    day: int
    queries: pl.DataFrame
    rows: pl.DataFrame
    shares: pl.DataFrame

    @property
    def group_sizes(self) -> pl.Series:
        """Rows of each query that has any, in their order."""
        return self.rows.group_by("query", maintain_order=True).len()["len"].cast(pl.Int32)


def plan_days(log: pl.DataFrame, shown: pl.DataFrame, settings: SplitSettings) -> DayPlan:
    """The last days validate, the days before them train; the first day of the log has no past and is left out."""
    answered = log.filter(pl.col("answer") & pl.col("shown") & (pl.col("t") > 0))["day"].unique().sort().to_list()
    days = [day for day in answered if day > log["day"].min()]
    valid = days[-settings.valid_days :]
    train = days[: -settings.valid_days][-settings.train_days :]
    if not train or not valid:
        raise UserError(
            f"The log has {len(answered)} day(s) with clicks; {settings.valid_days + 2} are needed (a past, a day to "
            f"train on, {settings.valid_days} to validate), each with an answer whose seconds ({PLAYS}) and "
            "item_duration are known: add days, or lower split.valid_days."
        )
    least = shown.group_by("device").len()["len"].min() if shown.height else 1
    return DayPlan(tuple(train), tuple(valid), int(log["day"].max()) + 1, int(least or 1))  # type: ignore[arg-type]


def draw_slates(log: pl.DataFrame, plan: DayPlan, day: int, settings: SplitSettings, seed: int) -> Slates:
    """The slates of a day of the log: devices whose answer is among what they were shown, with a known t above 0.

    The host has a truth row for such devices only. Of more than the settings allow, a random sample is taken.
    """
    most = settings.valid_queries if day in plan.valid else settings.train_queries
    today = log.filter((pl.col("day") == day) & pl.col("shown")).select("device", "video", "position", "answer", "t")
    counted = today.group_by("device").agg(pl.len(), right=(pl.col("answer") & (pl.col("t") > 0)).any())
    answered = counted.filter("right")
    as_long = answered.filter(pl.col("len") >= plan.least)  # where none is, the lists of the test are of another kind
    devices = (as_long if as_long.height else answered).select("device").sort("device")
    shown = today.select("device", "video", "position").join(devices, on="device", how="semi")
    if devices.height > most:
        devices = devices[np.sort(np.random.default_rng([seed, day]).permutation(devices.height)[:most])]
    return build_slates(day, devices, shown)


def build_slates(day: int, devices: pl.DataFrame, shown: pl.DataFrame) -> Slates:
    """One query for each of the ``devices`` (column device), in their order, with the videos that it was ``shown``."""
    queries = devices.select("device").with_row_index("query").cast({"query": pl.Int32})
    rows = shown.join(queries, on="device").sort("query", "position", "video")
    shares = shown.group_by("video").agg(share=pl.len() / shown.height).sort("video")
    return Slates(day, queries.select("query", "device"), rows.select("query", "device", "video", "position"), shares)


def hide_outcome(slates: Slates) -> pl.DataFrame:
    """The labels of the test's rows: unknown."""
    no = pl.repeat(False, pl.len())
    return slates.rows.select(clicked=no, answer=no, t=pl.repeat(None, pl.len(), dtype=pl.Float32))


def look_up_outcome(log: pl.DataFrame, slates: Slates) -> pl.DataFrame:
    """The labels of each row: clicked Boolean, answer Boolean, t Float32, in the order of the rows."""
    today = log.filter(pl.col("day") == slates.day).select("device", "video", "clicked", "answer", "t")
    joined = slates.rows.join(today, on=["device", "video"], how="left", maintain_order="left")
    return joined.select("clicked", "answer", "t")
