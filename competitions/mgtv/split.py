"""Who is asked, on which day, about which videos; what comes of it is kept apart.

A day is served by the log strictly before it. Training days and validation days are asked like the test: one query a
device, its rows the videos that it was shown on that day.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from common.errors import UserError
from competitions.mgtv.config import SplitSettings
from competitions.mgtv.io.schema import PLAYS


@dataclass(frozen=True)
class Plan:
    """``train`` and ``valid`` days, ascending, and the day that the ``test`` is about; ``least``: the shortest list of
    the test, and so of every day.
    """

    train: tuple[int, ...]
    valid: tuple[int, ...]
    test: int
    least: int

    @property
    def days(self) -> tuple[int, ...]:
        """Every day with answers that is served."""
        return (*self.train, *self.valid)


@dataclass(frozen=True)
class Asked:
    """What is asked about ``day``. ``rows``: query, device, video, position; a query's rows together, in the order
    shown. ``queries``: query (0 ..), device. A query may have no rows.
    """

    day: int
    queries: pl.DataFrame
    rows: pl.DataFrame

    @property
    def sizes(self) -> pl.Series:
        """Rows of each query that has any, in their order."""
        return self.rows.group_by("query", maintain_order=True).len()["len"].cast(pl.Int32)


def plan_days(log: pl.DataFrame, shown: pl.DataFrame, settings: SplitSettings) -> Plan:
    """The last days validate, the days before them train; the first day of the log has no past and is never asked."""
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
    return Plan(tuple(train), tuple(valid), int(log["day"].max()) + 1, int(least or 1))  # type: ignore[arg-type]


def ask_day(log: pl.DataFrame, plan: Plan, day: int, settings: SplitSettings, seed: int) -> Asked:
    """Ask about a day of the log: devices whose answer is among what they were shown, with a known t above 0.

    The host has a truth row for such devices only. More than the settings allow are thinned by a draw.
    """
    most = settings.valid_queries if day in plan.valid else settings.train_queries
    today = log.filter((pl.col("day") == day) & pl.col("shown")).select("device", "video", "position", "answer", "t")
    counted = today.group_by("device").agg(pl.len(), right=(pl.col("answer") & (pl.col("t") > 0)).any())
    answered = counted.filter("right")
    as_long = answered.filter(pl.col("len") >= plan.least)  # where none is, the lists of the test are of another kind
    devices = (as_long if as_long.height else answered)["device"].sort()
    if len(devices) > most:
        chosen = np.sort(np.random.default_rng([seed, day]).permutation(len(devices))[:most])
        devices = devices.gather(chosen)
    return ask(day, devices, today.select("device", "video", "position"))


def ask(day: int, devices: pl.Series, shown: pl.DataFrame) -> Asked:
    """Ask these devices, one query each and in this order, about the videos that they were ``shown``."""
    queries = pl.DataFrame({"device": devices}).with_row_index("query").cast({"query": pl.Int32})
    rows = shown.join(queries, on="device").sort("query", "position", "video")
    return Asked(day, queries.select("query", "device"), rows.select("query", "device", "video", "position"))


def look_up_outcome(log: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """What came of each row: clicked Boolean, answer Boolean, t Float32, in the order of the rows."""
    today = log.filter(pl.col("day") == asked.day).select("device", "video", "clicked", "answer", "t")
    found = asked.rows.join(today, on=["device", "video"], how="left", maintain_order="left")
    return found.select("clicked", "answer", "t")
