"""What a simulation looks like beside what it imitates: ``python -m competitions simulate mgtv --describe``.

The targets: clickers and clicks of the 2024 edition, repeats and new videos of the 2021 edition, sizes of the embedding
tables of a team of the 2025 edition. Nothing else was published: a measure without a target is an assumption of ours.

The share of new videos cannot be reached: 17,000 videos in 30 days are 567 new ones a day if none is old, and 10,000
are clicked on a day. The 2021 edition had another, larger catalogue.
"""

import json
from pathlib import Path

import polars as pl

from common.day.hosts.simulated import REPORT
from common.engine.errors import UserError
from common.io.tables import read_csv, scan_csv
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.constants import COLLECTIONS, DAYS, DEVICES, VIDEOS

CLICKERS = 165_000  # a day, at the host's size
TARGETS = {"clicks a clicker": 1.36, "pairs clicked once": 0.86, "clicked videos of a day that are new": 0.31}
NEW_DAYS = 3  # a video is new up to so many days after its first click; assumed
POSITIONS = (0, 1, 4, 9)
PAIR = ["did", "vid"]
COLLECTED = {"collections": "item_cid", "series": "sid"}


def describe(folder: Path) -> pl.DataFrame:
    """Measure the simulation in ``folder``: one row a measure (what, simulated, target); null: no figure is known.

    Raises ``UserError`` where ``folder`` holds no finished simulation.
    """
    try:
        scale = float(json.loads((folder / REPORT).read_text(encoding="utf-8"))["scale"])
    except OSError as error:
        raise UserError(f"There is no finished simulation in {folder}; make one with simulate first.") from error
    videos = read_csv(folder / schema.VIDEOS)
    clicks = _read_clicks(folder, videos)
    sizes = {"videos": videos.height}
    sizes |= {what: videos[code].replace(0, None).drop_nulls().n_unique() for what, code in COLLECTED.items()}
    measures = _measure_shows(folder) | _measure_clicks(clicks) | _measure_plays(clicks)
    measures |= sizes | _measure_profiles(folder)
    targets = TARGETS | {"clickers a day": CLICKERS * scale}
    if scale == 1.0:
        targets |= {"videos": VIDEOS, "collections": COLLECTIONS, "devices with a profile": DEVICES}
    rows = [(what, value, targets.get(what)) for what, value in measures.items()]
    return pl.DataFrame(rows, {"what": pl.String, "simulated": pl.Float64, "target": pl.Float64}, orient="row")


def _measure_shows(folder: Path) -> dict[str, float]:
    """Lists and click rates, day by day so that memory does not grow with the log."""
    total = pl.concat([_count_day(folder, day) for day in range(1, DAYS + 1)]).sum().row(0, named=True)
    rates = {f"CTR at position {at + 1}": total[f"clicked at {at}"] / max(total[f"at {at}"], 1) for at in POSITIONS}
    return {
        "clickers a day": total["clickers"] / DAYS,
        "clicks a clicker": total["clicks"] / total["clickers"],
        "devices with a list a day": total["lists"] / DAYS,
        "videos a list": total["rows"] / total["lists"],
        "CTR": total["clicked"] / total["rows"],
        **rates,
        "clicks that were not shown": (total["clicks"] - total["clicked"]) / total["clicks"],
    }


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


def _read_clicks(folder: Path, videos: pl.DataFrame) -> pl.DataFrame:
    """One row a click, in time order: device (a hash), vid, day, seconds played, and the video's columns."""
    device = pl.col("did").hash(seed=0).alias("device")
    days = []
    for day in range(1, DAYS + 1):
        click = read_csv(folder / schema.click_path(day), columns=PAIR)
        play = read_csv(folder / schema.play_path(day), columns=[*PAIR, "play_time"])
        play = play.select(device, "vid", "play_time").unique(["device", "vid"], keep="first", maintain_order=True)
        joined = click.select(device, "vid").join(play, on=["device", "vid"], how="left", maintain_order="left")
        days.append(joined.with_columns(day=pl.lit(day, pl.Int8)))
    about = videos.select("vid", "item_cid", "item_duration", "item_isIntact", "item_serialno")
    return pl.concat(days).join(about, on="vid", how="left", maintain_order="left")


def _measure_clicks(clicks: pl.DataFrame) -> dict[str, float]:
    first = clicks.group_by("vid").agg(first=pl.col("day").min())
    aged = clicks.join(first, on="vid").filter(pl.col("day") > 10)
    daily = aged.select("day", "vid", new=pl.col("day") - pl.col("first") <= NEW_DAYS).unique()
    # Against the click before in the same programme: the next episode, or the same one again.
    step = pl.col("item_serialno").diff().over("device", "item_cid")
    episodes = clicks.filter(pl.col("item_isIntact") == 1, pl.col("item_cid") > 0).select(step)
    return {
        "pairs clicked once": _mean(clicks.group_by("device", "vid").len()["len"] == 1),
        "videos clicked a day": daily.height / max(daily["day"].n_unique(), 1),
        "clicked videos of a day that are new": _mean(daily["new"]),
        "clicks on features": _mean(clicks["item_isIntact"] == 1),
        "clicks on the episode after the one before": float((episodes.to_series() == 1).sum()) / clicks.height,
        "clicks without a play": _mean(clicks["play_time"].is_null()),
        "clicks of unknown videos": _mean(clicks["item_isIntact"].is_null()),
        "clicks by the busiest tenth of the clickers": _top_tenth(clicks["device"]),
        "clicks on the hottest tenth of the videos": _top_tenth(clicks["vid"]),
    }


def _measure_plays(clicks: pl.DataFrame) -> dict[str, float]:
    rate = pl.col("play_time") / pl.col("item_duration")
    known = clicks.filter(pl.col("item_duration") > 0, pl.col("play_time").is_not_null())
    rates = known.select(rate).to_series()
    return {
        **{f"completion, {level} %": float(rates.quantile(level / 100) or 0) for level in range(10, 100, 10)},
        "completion, mean": _mean(rates),
        "completion below 0.1": _mean(rates < 0.1),
        "completion of 0": _mean(rates == 0),
        "completion above 0.9": _mean(rates > 0.9),
        "completion above 1": _mean(rates > 1),
    }


def _measure_profiles(folder: Path) -> dict[str, float]:
    rows = scan_csv(folder / schema.PROFILES, infer_schema=False)
    profiles = rows.select(pl.all().null_count(), rows=pl.len()).collect(engine="streaming").row(0, named=True)
    height = profiles.pop("rows")
    nulls = [count / height for count in profiles.values()]
    return {
        "devices with a profile": height,
        "profile values that are null": sum(nulls) / len(nulls),
        "profile columns without a value": sum(share == 1 for share in nulls),
    }


def _mean(values: pl.Series) -> float:
    """0 where there is no value."""
    mean = values.mean()
    return float(mean) if isinstance(mean, int | float) else 0.0


def _top_tenth(values: pl.Series) -> float:
    """The share that the most frequent tenth of the values has."""
    counts = values.value_counts(sort=True)["count"]
    return float(counts.head(max(counts.len() // 10, 1)).sum()) / values.len()
