"""Real short videos in the host's layout: KuaiRand-Pure (Gao et al., CIKM 2022, https://kuairand.com; CC BY-SA 4.0).

    python -m competitions standin mgtv --from KuaiRand-Pure

Day 1 is 2022-04-25, days 1 to 8 are the history, day 9 is the test: the devices that were shown two videos or more and
clicked one. A user is a device, the first click of a day is its target. Whoever passes the converted files on owes them
the licence of KuaiRand.
"""

from pathlib import Path

import polars as pl

from common.day.hosts import TRUTH
from common.engine.errors import UserError
from common.engine.progress import running
from common.io.column import Column
from common.io.csv import CsvFile
from common.time_units import DAY_MS, HOUR_MS
from competitions.learning.mgtv.standin_tables import HINT, SECONDS, convert_profiles, convert_videos
from competitions.learning.public import PublicDataset, find_file, hash_ids, write_dataset
from competitions.mgtv.io.schema import ASKED, PROFILES, SHOWN, VIDEOS, click_path, play_path, show_path

LOG = "log_standard_4_22_to_5_08_pure.csv"
USERS, BASICS = "user_features_pure.csv", "video_features_basic_pure.csv"
FOLDERS = ("data/", "", "KuaiRand-Pure/data/")  # the unpacked archive, or a folder in it or around it
DAYS = 8
FIRST_DAY_MS = 1_650_816_000_000  # 2022-04-25 00:00 in China, 16:00 UTC of the day before
CHINA_MS = 8 * HOUR_MS
MIN_SHOWN = 2  # videos of a test device
LOG_FIELDS = (
    Column("user_id", pl.Int64),
    Column("video_id", pl.Int64),
    Column("time_ms", pl.Int64),
    Column("is_click", pl.Int64),
    Column("play_time_ms", pl.Int64),
)


def convert(source: Path, out: Path) -> PublicDataset:
    """Write KuaiRand-Pure to ``out`` in the host's layout; ``source``: its folder, or the folder ``data`` in it."""
    log, users, basics = (
        find_file(source, [f"{folder}{name}" for folder in FOLDERS], HINT) for name in (LOG, USERS, BASICS)
    )
    with running("Reading KuaiRand-Pure"):
        videos = convert_videos(basics)
        days = split_days(log, CsvFile(log, LOG_FIELDS, HINT).read().frame, videos)
        test = days.filter(pl.col("day") == DAYS + 1)
        devices = select_test_devices(test)
        days = pl.concat([days.filter(pl.col("day") <= DAYS), test.join(devices, on="did", how="semi")])
        profiles = convert_profiles(users, days.select("user_id", "did").unique().sort("did"))
    truth = first_clicks(days.filter(pl.col("day") > DAYS), videos)
    rows = {
        "impressions": days.filter(pl.col("day") <= DAYS).height,
        "videos": videos.height,
        "devices": profiles.height,
        "test devices": devices.height,
        "truth": truth.height,
    }
    tables = daily_logs(days) | {
        VIDEOS: videos.drop("video_id"),
        PROFILES: profiles,
        ASKED.format(board="A"): devices,
        SHOWN.format(board="A"): days.filter(pl.col("day") > DAYS).select("did", "vid").sort("did", "vid"),
        TRUTH: truth,
    }
    return write_dataset(out, PublicDataset("KuaiRand-Pure", rows, "result.csv"), tables)


def split_days(path: Path, log: pl.DataFrame, videos: pl.DataFrame) -> pl.DataFrame:
    """One row per device, video and day of 1 to 9: did, vid, item_cid, whether clicked, and of the first click its
    time (ms) and the seconds played.
    """
    numbered = log.with_columns(day=(pl.col("time_ms") - FIRST_DAY_MS) // DAY_MS + 1).filter(
        pl.col("day").is_between(1, DAYS + 1)
    )
    unknown = numbered.join(videos, on="video_id", how="anti").sort("line")
    if unknown.height:
        raise UserError(
            f"{path}, line {unknown['line'][0]}: video_id {unknown['video_id'][0]} is not in {BASICS}; {HINT}"
        )
    for day in range(1, DAYS + 2):
        if not (numbered["day"] == day).any():
            raise UserError(f"{path} has no row of day {day} (day 1 is 2022-04-25 in China); {HINT}")
    first = (
        numbered.sort("user_id", "video_id", "day", pl.col("is_click") == 0, "time_ms", "line")
        .unique(["user_id", "video_id", "day"], keep="first", maintain_order=True)
        .join(videos.select("video_id", "vid", "item_cid"), on="video_id", how="left", maintain_order="left")
    )
    users = first["user_id"].unique().to_list()
    return first.with_columns(
        did=pl.col("user_id").replace_strict(users, hash_ids("d", users), return_dtype=pl.String),
        clicked=pl.col("is_click") == 1,
        play_time=pl.col("play_time_ms") * SECONDS,
    )


def select_test_devices(test: pl.DataFrame) -> pl.DataFrame:
    """The devices (did) of the test day that were shown ``MIN_SHOWN`` videos and clicked."""
    devices = test.group_by("did").agg(pl.len().alias("shown"), pl.col("clicked").any())
    return devices.filter(pl.col("clicked") & (pl.col("shown") >= MIN_SHOWN)).select("did").sort("did")


def first_clicks(test: pl.DataFrame, videos: pl.DataFrame) -> pl.DataFrame:
    """The first click of each device: did, vid, completion_rate in (0, 1]; none where the rate is not known."""
    return (
        test.filter("clicked")
        .sort("did", "time_ms", "line")
        .unique("did", keep="first", maintain_order=True)
        .join(videos.select("vid", "item_duration"), on="vid", how="left", maintain_order="left")
        .with_columns(completion_rate=(pl.col("play_time") / pl.col("item_duration")).clip(upper_bound=1.0))
        .filter(pl.col("completion_rate") > 0)
        .select("did", "vid", "completion_rate")
    )


def daily_logs(days: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The three logs of each day by path: impressions by device, clicks and plays by time."""
    logs = {}
    clock_time = pl.from_epoch(pl.col("time_ms") + CHINA_MS, time_unit="ms").dt.strftime("%Y-%m-%d %H:%M:%S")
    for day in range(1, DAYS + 1):
        shown = days.filter(pl.col("day") == day)
        clicked = shown.filter("clicked").sort("time_ms", "line").with_columns(click_time=clock_time)
        logs[show_path(day)] = shown.select("did", "vid").sort("did", "vid")
        logs[click_path(day)] = clicked.select("did", "vid", "item_cid", "click_time")
        played = clicked.filter(pl.col("play_time") > 0)
        logs[play_path(day)] = played.select("did", "vid", "item_cid", "play_time")
    return logs
