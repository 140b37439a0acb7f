"""What a simulation looks like beside what it imitates: ``python -m competitions simulate mgtv --describe``.

The published values: clickers and clicks of the 2024 edition, repeats and new videos of the 2021 edition. Beside sizes
(constants.py) nothing else was published: the rest is an assumption of ours.

The share of new videos cannot be reached: 17,000 videos in 30 days are 567 new ones a day if none is old, and 10,000
are clicked on a day. The 2021 edition had another, larger catalogue.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from common.io.tables import read_csv
from common.simulation.calibration import Measures, calibrate
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.constants import DAYS

PUBLISHED = Path(__file__).with_name("published.csv")
NEW_DAYS = 3  # a video is new up to so many days after its first click; assumed
FIRST_DAYS = 10  # in which most videos are clicked first because the log begins
CLICKERS = pl.struct("day", "device").n_unique()


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    return calibrate(folder, PUBLISHED, _list_parts(folder))


def _list_parts(folder: Path) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    clicks = pl.concat([_read_clicks(folder, day) for day in range(1, DAYS + 1)]).lazy()
    yield clicks.unique(), {"clickers a day": CLICKERS / DAYS, "clicks a clicker": pl.len() / CLICKERS}
    yield clicks.group_by("device", "vid").len(), {"pairs clicked once": (pl.col("len") == 1).mean()}
    new = pl.col("day") - pl.col("day").min().over("vid") <= NEW_DAYS
    videos = clicks.select("day", "vid", new=new).filter(pl.col("day") > FIRST_DAYS).unique()
    yield videos, {"clicked videos of a day that are new": pl.col("new").mean()}


def _read_clicks(folder: Path, day: int) -> pl.DataFrame:
    """One row a click of a day: day, device (a hash, which takes less memory than a name), vid."""
    clicks = read_csv(folder / schema.click_path(day), columns=["did", "vid"])
    return clicks.select(pl.lit(day, pl.Int8).alias("day"), pl.col("did").hash(seed=0).alias("device"), "vid")
