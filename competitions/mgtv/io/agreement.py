"""Whether the logs of all days, and the table of videos, belong together, before anything is fitted on them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io.agreement import FEWEST, Amounts, Dates, Share, compare, note_shares
from common.io.notes import Note
from common.time_units import DAY_MS
from competitions.mgtv.io.schema import CLICKS, COMMENTS, PLAYS, VIDEOS, click_path, play_path, short_name, show_path
from competitions.mgtv.io.videos import WORDS

SAMPLE = 2_000  # rows of a day beside those of the others
MEASURED = 20.0  # how far lengths and the seconds watched of them may lie apart
COPIED = {  # what the file of a log says, and which rows of a day are of it
    show_path: (pl.col("shown"), ("device", "video", "position")),
    click_path: (pl.col("clicked"), ("device", "video", "click_ms")),
    play_path: (pl.col("play").is_not_null(), ("device", "video", "play")),
}


def compare_days(days: Sequence[pl.DataFrame], videos: pl.DataFrame, comments: pl.DataFrame) -> tuple[Note, ...]:
    """What disagrees between a day's logs and those of the other days, the table of videos or the comments;
    ``UserError`` for a log that is a copy of another day's.
    """
    refuse_copies(days)
    known = videos.filter("known")
    blanks = {"item_duration": "duration", "item_serialno": "serial", **WORDS}
    empty = [Share(f"{name} blank", known[ours].null_count(), known.height, 0.999) for name, ours in blanks.items()]
    notes = [*note_shares(VIDEOS, empty)]
    samples = [take_sample(day, videos) for day in days]
    log = pl.concat(samples)
    written = Dates("click_time", comments["date"].cast(pl.Datetime("ms")).dt.epoch("ms"), log["time"], 366.0 * DAY_MS)
    notes += compare(CLICKS, f"the dates in {COMMENTS}", [written])
    watched = log.drop_nulls("play")
    units = Amounts("play_time", watched["length"], watched["play"], MEASURED)
    notes += compare(PLAYS, "item_duration of their videos", [units])
    for at, (sample, day) in enumerate(zip(samples, days, strict=True)):
        others = pl.concat([*samples[:at], *samples[at + 1 :]])
        notes += compare_day(sample, day, others)
    return tuple(notes)


def refuse_copies(days: Sequence[pl.DataFrame]) -> None:
    """Refuse a log whose rows are those of an earlier day, one by one: no two days have that in common."""
    for path, (rows, columns) in COPIED.items():
        seen: dict[tuple[int, int], int] = {}
        for day in days:
            log = day.lazy().filter(rows).select(columns).collect()
            if log.height < FEWEST:
                continue
            number, same = int(day["day"][0]), (log.height, int(log.hash_rows().sum()))
            if (earlier := seen.setdefault(same, number)) != number:
                raise UserError(
                    f"{short_name(Path(path(number)))} has the rows of {short_name(Path(path(earlier)))}, all "
                    f"{log.height:,} of them: day {number} or day {earlier} is a copy; download both again, or remove "
                    "the day"
                )


def take_sample(day: pl.DataFrame, videos: pl.DataFrame) -> pl.DataFrame:
    """Some clicks of a day: time, first (what day 1 would be by it; both in ms), play, length of the video (in s)."""
    clicked = day.filter("clicked")
    some = clicked.gather_every(max(clicked.height // SAMPLE, 1))
    return some.select(
        time="click_ms",
        first=pl.col("click_ms") - (pl.col("day").cast(pl.Int64) - 1) * DAY_MS,
        play="play",
        length=videos["duration"].gather(some["video"]),
    )


def compare_day(sample: pl.DataFrame, day: pl.DataFrame, others: pl.DataFrame) -> Iterator[Note]:
    """What disagrees between a day and the others, and between its own logs."""
    number = int(day["day"][0])
    show, click, play = (short_name(Path(path(number))) for path in (show_path, click_path, play_path))
    dates = Dates("day 1 by click_time", others["first"], sample["first"], within=0.75 * DAY_MS)
    yield from compare(click, "the other days", [dates])
    yield from compare(play, "the other days", [Amounts("play_time", others["play"], sample["play"])])
    clicked = day.filter("clicked")
    unseen = Share(f"click that {show} does not show", clicked.filter(~pl.col("shown")).height, clicked.height, 0.5)
    yield from note_shares(click, [unseen])
