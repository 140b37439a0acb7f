"""What a simulation looks like beside what it imitates: ``python -m competitions simulate mgtv --describe``.

The published values: clickers and clicks of the 2024 edition, repeats and new videos of the 2021 edition, sizes of the
embedding tables of a team of the 2025 edition. Nothing else was published: the rest is an assumption of ours.

The share of new videos cannot be reached: 17,000 videos in 30 days are 567 new ones a day if none is old, and 10,000
are clicked on a day. The 2021 edition had another, larger catalogue.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from common.io.tables import read_csv, scan_csv
from common.simulation.calibration import Measure, calibrate, quantiles, top_share
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.constants import COLLECTIONS, DAYS, DEVICES, VIDEOS

NEW_DAYS = 3  # a video is new up to so many days after its first click; assumed
FIRST_DAYS = 10  # in which most videos are clicked first because the log begins
POSITIONS = (0, 1, 4, 9)
PAIR = ["did", "vid"]
CLICKS, CLICKED, LISTS, ROWS = (pl.col(name).sum() for name in ("clicks", "clicked", "lists", "rows"))
RATE = pl.col("play_time") / pl.col("item_duration")
STEP = pl.col("item_serialno").diff().over("device", "item_cid")  # against the click before in the same programme

DAY_COUNTS = (
    Measure("clickers a day", pl.col("clickers").sum() / DAYS, 165_000, "2024", "with scale"),
    Measure("clicks a clicker", CLICKS / pl.col("clickers").sum(), 1.36, "2024"),
    Measure("devices with a list a day", LISTS / DAYS),
    Measure("videos a list", ROWS / LISTS),
    Measure("CTR", CLICKED / ROWS),
    *(Measure(f"CTR at position {at + 1}", pl.col(f"clicked at {at}").sum() / pl.col(f"at {at}").sum())
      for at in POSITIONS),
    Measure("clicks that were not shown", (CLICKS - CLICKED) / CLICKS),
)  # fmt: skip
PAIRS = (Measure("pairs clicked once", (pl.col("len") == 1).mean(), 0.86, "2021"),)
DAILY_VIDEOS = (
    Measure("videos clicked a day", pl.len() / pl.col("day").n_unique()),
    Measure("clicked videos of a day that are new", pl.col("new").mean(), 0.31, "2021"),
)
EPISODES = (Measure("clicks on the episode after the one before", (STEP == 1).sum() / pl.col("of_clicks").first()),)
ALL_CLICKS = (
    Measure("clicks on features", (pl.col("item_isIntact") == 1).mean()),
    Measure("clicks without a play", pl.col("play_time").is_null().mean()),
    Measure("clicks of unknown videos", pl.col("item_isIntact").is_null().mean()),
    Measure("clicks by the busiest tenth of the clickers", top_share("device", pl.col("device").n_unique() // 10)),
    Measure("clicks on the hottest tenth of the videos", top_share("vid", pl.col("vid").n_unique() // 10)),
)
COMPLETIONS = (
    *quantiles("completion", RATE, dict.fromkeys(range(10, 100, 10))),
    Measure("completion, mean", RATE.mean()),
    Measure("completion below 0.1", (RATE < 0.1).mean()),
    Measure("completion of 0", (RATE == 0).mean()),
    Measure("completion above 0.9", (RATE > 0.9).mean()),
    Measure("completion above 1", (RATE > 1).mean()),
)
CATALOGUE = (
    Measure("videos", pl.len(), VIDEOS, "2025", "otherwise"),
    Measure("collections", pl.col("item_cid").n_unique(), COLLECTIONS, "2025", "otherwise"),
)
PROFILES = (
    Measure("devices with a profile", pl.len(), DEVICES, "2025", "otherwise"),
    Measure("profile values that are null", pl.mean_horizontal(pl.all().null_count()) / pl.len()),
    Measure("profile columns without a value", pl.sum_horizontal(pl.all().null_count() == pl.len())),
)


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    return calibrate(folder, _list_parts(folder))


def _list_parts(folder: Path) -> Iterator[tuple[pl.LazyFrame, Sequence[Measure]]]:
    videos = read_csv(folder / schema.VIDEOS)
    # Day by day, so that memory does not grow with what was shown.
    yield pl.concat([_count_day(folder, day) for day in range(1, DAYS + 1)]).lazy(), DAY_COUNTS
    about = videos.lazy().select("vid", "item_cid", "item_duration", "item_isIntact", "item_serialno")
    days = pl.concat([_read_day(folder, day) for day in range(1, DAYS + 1)]).lazy()
    clicks = days.join(about, on="vid", how="left", maintain_order="left").collect().lazy()
    yield clicks.group_by("device", "vid").len(), PAIRS
    new = pl.col("day") - pl.col("day").min().over("vid") <= NEW_DAYS
    yield clicks.select("day", "vid", new=new).filter(pl.col("day") > FIRST_DAYS).unique(), DAILY_VIDEOS
    episodes = clicks.with_columns(of_clicks=pl.len()).filter(pl.col("item_isIntact") == 1, pl.col("item_cid") > 0)
    yield episodes, EPISODES
    yield clicks, ALL_CLICKS
    yield clicks.filter(pl.col("item_duration") > 0, pl.col("play_time").is_not_null()), COMPLETIONS
    yield videos.lazy(), CATALOGUE
    yield scan_csv(folder / schema.PROFILES, infer_schema=False), PROFILES


def _count_day(folder: Path, day: int) -> pl.DataFrame:
    """One row: the counts of a day."""
    clicked = read_csv(folder / schema.click_path(day), columns=PAIR).unique()
    shown = read_csv(folder / schema.show_path(day), columns=PAIR).unique(maintain_order=True)
    rows = shown.join(clicked.with_columns(click=True), on=PAIR, how="left", maintain_order="left")
    position, click = pl.int_range(pl.len()).over("did"), pl.col("click").fill_null(False)
    return rows.select(
        rows=pl.len(),
        lists=pl.col("did").n_unique(),
        clicked=click.sum(),
        clicks=clicked.height,
        clickers=clicked["did"].n_unique(),
        **{f"at {at}": (position == at).sum() for at in POSITIONS},
        **{f"clicked at {at}": ((position == at) & click).sum() for at in POSITIONS},
    )


def _read_day(folder: Path, day: int) -> pl.DataFrame:
    """One row a click of a day, in time order: device (a hash), vid, day, seconds played."""
    device, key = pl.col("did").hash(seed=0).alias("device"), ["device", "vid"]
    click = read_csv(folder / schema.click_path(day), columns=PAIR).select(device, "vid")
    play = read_csv(folder / schema.play_path(day), columns=[*PAIR, "play_time"]).select(device, "vid", "play_time")
    play = play.unique(key, keep="first", maintain_order=True)
    return click.join(play, on=key, how="left", maintain_order="left").with_columns(day=pl.lit(day, pl.Int8))
