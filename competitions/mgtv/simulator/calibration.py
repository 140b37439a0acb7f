"""What a simulation looks like beside what it imitates: ``python -m competitions simulate mgtv --describe``.

The targets: clickers and clicks of the 2024 edition, repeats and new videos of the 2021 edition, sizes of the embedding
tables of a team of the 2025 edition. Nothing else was published: a measure without a target is an assumption of ours.

The share of new videos cannot be reached: 17,000 videos in 30 days are 567 new ones a day if none is old, and 10,000
are clicked on a day. The 2021 edition had another, larger catalogue.
"""

import json
from collections import Counter
from pathlib import Path

import polars as pl

from common.day.hosts.simulated import REPORT
from common.engine.errors import UserError
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.constants import COLLECTIONS, DAYS, DEVICES, VIDEOS

CLICKERS, CLICKS_EACH = 165_000, 1.36
ONCE, NEW_VIDEOS = 0.86, 0.31
NEW_DAYS = 3  # a video is new up to so many days after its first click; assumed
POSITIONS = (0, 1, 4, 9)
KIND_NAMES = {1: "features", 2: "shorts", 3: "trailers", 4: "extras", 5: "side stories", 9: "digests"}


def describe(folder: Path) -> pl.DataFrame:
    """Measure the simulation in ``folder``: one row a measure (what, simulated, target); null: no figure is known.

    Raises ``UserError`` where ``folder`` holds no finished simulation.
    """
    try:
        scale = float(json.loads((folder / REPORT).read_text(encoding="utf-8"))["scale"])
    except OSError as error:
        raise UserError(f"There is no finished simulation in {folder}; make one with simulate first.") from error
    videos = pl.read_csv(folder / schema.VIDEOS)
    clicks = _read_clicks(folder, videos)
    measures = measure_shows(folder) | _click_measures(clicks) | _play_measures(clicks)
    measures |= {"videos": videos.height, "collections": videos["item_cid"].filter(videos["item_cid"] > 0).n_unique()}
    measures |= {"series": videos["sid"].filter(videos["sid"] > 0).n_unique()} | _profile_measures(folder)
    targets = {
        "clickers a day": CLICKERS * scale,
        "clicks a clicker": CLICKS_EACH,
        "pairs clicked once": ONCE,
        "clicked videos of a day that are new": NEW_VIDEOS,
    }
    if scale == 1.0:
        targets |= {"videos": VIDEOS, "collections": COLLECTIONS, "devices with a profile": DEVICES}
    return pl.DataFrame(
        {
            "what": list(measures),
            "simulated": [float(value) for value in measures.values()],
            "target": [targets.get(name) for name in measures],
        },
        schema={"what": pl.String, "simulated": pl.Float64, "target": pl.Float64},
    )


def measure_shows(folder: Path) -> dict[str, float]:
    """Lists and click rates, day by day so that memory does not grow with the log."""
    total: Counter[str] = Counter()
    for day in range(1, DAYS + 1):
        clicked = pl.read_csv(folder / schema.click_path(day), columns=["did", "vid"]).unique()
        shown = pl.read_csv(folder / schema.show_path(day), columns=["did", "vid"]).unique(maintain_order=True)
        shown = shown.join(clicked.with_columns(click=1), on=["did", "vid"], how="left", maintain_order="left")
        shown = shown.with_columns(position=pl.int_range(pl.len()).over("did"), click=pl.col("click").fill_null(0))
        total["rows"] += shown.height
        total["lists"] += shown["did"].n_unique()
        total["clicks"] += int(shown["click"].sum())
        total["unshown"] += clicked.height - int(shown["click"].sum())
        total["all clicks"] += clicked.height
        total["clickers"] += clicked["did"].n_unique()
        for position in POSITIONS:
            there = shown.filter(pl.col("position") == position)["click"]
            total[f"at {position}"] += there.len()
            total[f"clicked at {position}"] += int(there.sum())
    rates = {f"CTR at position {at + 1}": total[f"clicked at {at}"] / max(total[f"at {at}"], 1) for at in POSITIONS}
    return {
        "clickers a day": total["clickers"] / DAYS,
        "clicks a clicker": total["all clicks"] / total["clickers"],
        "devices with a list a day": total["lists"] / DAYS,
        "videos a list": total["rows"] / total["lists"],
        "CTR": total["clicks"] / total["rows"],
        **rates,
        "clicks that were not shown": total["unshown"] / total["all clicks"],
    }


def _read_clicks(folder: Path, videos: pl.DataFrame) -> pl.DataFrame:
    """One row a click, in time order: device (a hash), vid, day, seconds played, and the video's columns."""
    device = pl.col("did").hash(seed=0).alias("device")
    days = []
    for day in range(1, DAYS + 1):
        click = pl.read_csv(folder / schema.click_path(day), columns=["did", "vid"])
        play = pl.read_csv(folder / schema.play_path(day), columns=["did", "vid", "play_time"])
        play = play.select(device, "vid", "play_time").unique(["device", "vid"], keep="first", maintain_order=True)
        joined = click.select(device, "vid").join(play, on=["device", "vid"], how="left", maintain_order="left")
        days.append(joined.with_columns(day=pl.lit(day, pl.Int8)))
    about = videos.select("vid", "item_cid", "item_duration", "item_isIntact", "item_serialno")
    return pl.concat(days).join(about, on="vid", how="left", maintain_order="left")


def _click_measures(clicks: pl.DataFrame) -> dict[str, float]:
    pairs = clicks.group_by("device", "vid").len()["len"]
    first = clicks.group_by("vid").agg(first=pl.col("day").min())
    aged = clicks.join(first, on="vid").filter(pl.col("day") > 10)
    new = (pl.col("day") - pl.col("first") <= NEW_DAYS).alias("new")
    daily = aged.select("day", "vid", new).unique()
    # Against the click before in the same programme: the next episode, or the same one again.
    step = pl.col("item_serialno").diff().over("device", "item_cid")
    episode = pl.col("item_isIntact") == 1
    steps = clicks.filter(episode & (pl.col("item_cid") > 0)).select((step == 1).sum().alias("next"))
    return {
        "pairs clicked once": _mean(pairs == 1),
        "videos clicked a day": daily.height / max(daily["day"].n_unique(), 1),
        "clicked videos of a day that are new": _mean(daily["new"]),
        "clicks on new videos": _mean(aged.select(new)["new"]),
        "clicks on features": _mean(clicks.select(episode).to_series()),
        "clicks on the episode after the one before": steps.item() / clicks.height,
        "clicks without a play": _mean(clicks["play_time"].is_null()),
        "clicks of unknown videos": _mean(clicks["item_isIntact"].is_null()),
        "clicks by the busiest tenth of the clickers": _top_tenth(clicks, "device"),
        "clicks on the hottest tenth of the videos": _top_tenth(clicks, "vid"),
    }


def _mean(values: pl.Series) -> float:
    """0 where there is no value."""
    mean = values.mean()
    return float(mean) if isinstance(mean, int | float) else 0.0


def _top_tenth(clicks: pl.DataFrame, key: str) -> float:
    counts = clicks.group_by(key).len()["len"].sort(descending=True)
    return float(counts.head(max(counts.len() // 10, 1)).sum()) / float(counts.sum())


def _play_measures(clicks: pl.DataFrame) -> dict[str, float]:
    rate = pl.col("play_time") / pl.col("item_duration")
    known = clicks.filter(pl.col("item_duration") > 0, pl.col("play_time").is_not_null()).with_columns(rate=rate)
    values = known["rate"]
    deciles = {f"completion, {level} %": float(values.quantile(level / 100) or 0) for level in range(10, 100, 10)}
    kinds = {
        f"completion of {name}, mean": _mean(known.filter(pl.col("item_isIntact") == code)["rate"])
        for code, name in KIND_NAMES.items()
    }
    return {
        **deciles,
        "completion, mean": _mean(values),
        "completion below 0.1": _mean(values < 0.1),
        "completion of 0": _mean(values == 0),
        "completion above 0.9": _mean(values > 0.9),
        "completion above 1": _mean(values > 1),
        **kinds,
    }


def _profile_measures(folder: Path) -> dict[str, float]:
    rows = pl.scan_csv(folder / schema.PROFILES, infer_schema=False)
    profiles = rows.select(pl.all().null_count(), rows=pl.len()).collect(engine="streaming").row(0, named=True)
    height = profiles.pop("rows")
    nulls = [count / height for count in profiles.values()]
    return {
        "devices with a profile": height,
        "profile values that are null": sum(nulls) / len(nulls),
        "profile columns without a value": sum(share == 1 for share in nulls),
    }
