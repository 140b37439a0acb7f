"""Read the logs of a day, and the test: who was shown what, who clicked when, who watched for how long."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io.notes import Note
from competitions.mgtv.config import HostSettings
from competitions.mgtv.io.encoding import Codes, encode, keep_notes
from competitions.mgtv.io.folder import DayFiles, RawFiles
from competitions.mgtv.io.schema import short_name
from competitions.mgtv.io.tables import CLICK_TIME, DEVICE, PAIR, PLAY_TIME, read_table

KEYS = ("device", "video")
POSITION_MAX = (1 << 15) - 1
LONGEST_S = 86_400.0  # of play in the log of one day
DAY_SCHEMA = {
    "day": pl.Int16,
    "device": pl.Int32,
    "video": pl.Int32,
    "position": pl.Int16,
    "shown": pl.Boolean,
    "clicked": pl.Boolean,
    "click_ms": pl.Int64,
    "play": pl.Float32,
}
Noted = tuple[pl.DataFrame, list[Note]]


@dataclass(frozen=True)
class Day:
    """One row per (device, video) of a day, sorted by device, position (null last: not shown) and video.

    ``position`` counts from 0 in the order of the show file; ``click_ms`` is the first click (null where unknown);
    ``play`` is in seconds (null where unknown). ``date``: that of most clicks, None where no click has a time.
    """

    frame: pl.DataFrame
    date: datetime.date | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Test:
    """``queries``: one row per device to answer for (query 0.. in the order of the file, device); ``shown``: what these
    devices were shown, one row per (device, video), sorted by device and position.
    """

    queries: pl.DataFrame
    shown: pl.DataFrame
    notes: tuple[Note, ...]


def read_day(day: DayFiles, codes: Codes, host: HostSettings) -> Day:
    """Read the impressions, clicks and plays of a day and bring them together by (device, video)."""
    shows, show_notes = _read_shows(day.show, codes)
    clicks, click_notes, date = _read_clicks(day.click, codes)
    plays, play_notes = _read_plays(day.play, codes, host.several_plays)
    pairs = shows.join(clicks, on=KEYS, how="full", coalesce=True).join(plays, on=KEYS, how="full", coalesce=True)
    frame = (
        pairs.with_columns(
            day=pl.lit(day.day, pl.Int16),
            shown=pl.col("position").is_not_null(),
            clicked=pl.col("clicked").fill_null(False),
            played=pl.col("played").fill_null(False),
        )
        .sort("device", "position", "video", nulls_last=True)
        .select(*DAY_SCHEMA, "played")
    )
    notes = [*show_notes, *click_notes, *play_notes, *_note_strays(day, frame)]
    return Day(frame.drop("played"), date, keep_notes(notes))


def _note_strays(day: DayFiles, frame: pl.DataFrame) -> Iterator[Note]:
    counts = frame.select(
        unseen_clicks=(pl.col("clicked") & ~pl.col("shown")).sum(),
        unseen_plays=(pl.col("played") & ~pl.col("shown")).sum(),
        unclicked=(pl.col("played") & ~pl.col("clicked")).sum(),
    ).row(0, named=True)
    yield Note(short_name(day.click), "click without an impression", counts["unseen_clicks"], "kept as not shown")
    if day.play is not None:
        yield Note(short_name(day.play), "play without an impression", counts["unseen_plays"], "kept as not shown")
        yield Note(short_name(day.play), "play without a click", counts["unclicked"], "kept as not clicked")


def _read_shows(path: Path, codes: Codes) -> Noted:
    """One row per pair: device, video, position."""
    table = read_table(path, PAIR)
    pairs = encode(table.frame, codes)
    frame = _number(pairs)
    name = short_name(path)
    return frame, [
        *table.notes,
        Note(name, "no impression", int(pairs.is_empty()), "kept as a day without impressions"),
        Note(name, "impression repeated", pairs.height - frame.height, "counted once"),
    ]


def _number(pairs: pl.DataFrame) -> pl.DataFrame:
    """Keep the first row of each pair, sort by device and number the rows of each from 0."""
    key = pl.col("device").cast(pl.Int64) * (1 << 32) + pl.col("video")
    first = pairs.filter(key.is_first_distinct()).sort("device", maintain_order=True)
    position = pl.int_range(pl.len()).over("device").clip(upper_bound=POSITION_MAX).cast(pl.Int16)
    return first.with_columns(position=position)


def _read_clicks(path: Path, codes: Codes) -> tuple[pl.DataFrame, list[Note], datetime.date | None]:
    """One row per pair: device, video, clicked, click_ms of the first click; and the date of most clicks."""
    table = read_table(path, [*PAIR, CLICK_TIME])
    rows = encode(table.frame, codes).rename({"click_time": "click_ms"})
    distinct = rows.unique()
    frame = distinct.group_by(KEYS).agg(pl.col("click_ms").min(), clicked=pl.lit(True))
    days = distinct["click_ms"].drop_nulls().cast(pl.Datetime("ms")).dt.date().alias("date").value_counts()
    dates = days.sort(["count", "date"], descending=[True, False])["date"].to_list()
    apart = days.filter((pl.col("date") - dates[0]).abs() > datetime.timedelta(days=1)) if dates else days
    name = short_name(path)
    notes = [
        *table.notes,
        Note(name, "no click", int(rows.is_empty()), "kept as a day without clicks"),
        Note(name, "click_time blank", rows["click_ms"].null_count(), "kept as a click at an unknown time"),
        Note(name, "click_time more than a day from most of the file", int(apart["count"].sum()), "kept at that time"),
        Note(name, "click repeated", rows.height - distinct.height, "counted once"),
        Note(name, "further click of a pair", distinct.height - frame.height, "the earliest taken"),
    ]
    return frame, notes, dates[0] if dates else None


def _read_plays(path: Path | None, codes: Codes, several: str) -> Noted:
    """One row per pair: device, video, play, played."""
    if path is None:
        schema = {"device": pl.Int32, "video": pl.Int32, "play": pl.Float32, "played": pl.Boolean}
        return pl.DataFrame(schema=schema), []
    table = read_table(path, [*PAIR, PLAY_TIME])
    rows = encode(table.frame, codes).rename({"play_time": "play"})
    negative, odd = pl.col("play") < 0, pl.col("play") > LONGEST_S
    known = rows.with_columns(play=pl.when(~negative & ~odd).then("play"))
    distinct = known.unique(maintain_order=True)
    frame = distinct.group_by(KEYS).agg(MERGED[several].cast(pl.Float32), played=pl.lit(True))
    name = short_name(path)
    return frame, [
        *table.notes,
        Note(name, "no play", int(rows.is_empty()), "kept as a day without plays"),
        Note(name, "play_time blank", rows["play"].null_count(), "kept as a play of unknown length"),
        Note(name, "play_time negative", rows.filter(negative).height, "kept as a play of unknown length"),
        Note(name, "play_time longer than a day", rows.filter(odd).height, "kept as a play of unknown length"),
        Note(name, "play repeated", known.height - distinct.height, "counted once"),
        Note(name, "further play of a pair", distinct.height - frame.height, MERGE_NOTES[several]),
    ]


_PLAY = pl.col("play").drop_nulls()
MERGED = {
    "first": _PLAY.first(),
    "sum": pl.when(_PLAY.len() > 0).then(_PLAY.cast(pl.Float64).sum()).alias("play"),
    "max": _PLAY.max(),
}
MERGE_NOTES = {"first": "the first in the file taken", "sum": "added up", "max": "the longest taken"}


def read_test(files: RawFiles, codes: Codes) -> Test:
    """Read the devices to answer for, and what they were shown."""
    queries, query_notes = _read_queries(files.test_devices, codes)
    table = read_table(files.shown, PAIR)
    pairs = encode(table.frame, codes)
    test_rows = pairs.join(queries, on="device", how="semi", maintain_order="left")
    shown = _number(test_rows)
    if shown.is_empty():
        raise UserError(
            f"{files.shown} shows no video to any device of {files.test_devices}; download both files again"
        )
    name = short_name(files.shown)
    unshown = queries.join(shown, on="device", how="anti").height
    notes = [
        *query_notes,
        *table.notes,
        Note(name, "row of a device outside the test", pairs.height - test_rows.height, "left out"),
        Note(name, "impression repeated", test_rows.height - shown.height, "counted once"),
        Note(short_name(files.test_devices), "test device without shown videos", unshown, "kept"),
    ]
    return Test(queries, shown, keep_notes(notes))


def _read_queries(path: Path, codes: Codes) -> Noted:
    table = read_table(path, DEVICE)
    devices = encode(table.frame, codes)
    if devices.is_empty():
        raise UserError(f"{path} has no device; download it again")
    distinct = devices.unique("device", keep="first", maintain_order=True)
    queries = distinct.select(pl.int_range(pl.len(), dtype=pl.Int32).alias("query"), "device")
    repeated = Note(short_name(path), "repeated test device", devices.height - distinct.height, "the first kept")
    return queries, [*table.notes, repeated]
