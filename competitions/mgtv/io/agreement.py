"""Whether the logs of all days, the test and the table of videos belong together, before anything is fitted on them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io.agreement import CHECK, FEWEST, compare
from common.io.notes import Note
from common.time_units import DAY_MS
from competitions.mgtv.io.schema import CLICKS, COMMENTS, PLAYS, VIDEOS, click_path, play_path, short_name, show_path
from competitions.mgtv.io.videos import WORDS

SAMPLE = 2_000  # rows of a day beside those of the others
# How far two shares of lists may lie apart, beside four standard errors of the test's.
REORDERED, ERRORS = 0.1, 4.0
RESORTED = 'used as it is; if the host sorted it, leave the position out: features.blocks=["-list"]'
COPIED = {  # what the file of a log says, and which rows of a day are of it
    show_path: (pl.col("shown"), ("device", "video", "position")),
    click_path: (pl.col("clicked"), ("device", "video", "click_ms")),
    play_path: (pl.col("play").is_not_null(), ("device", "video", "play")),
}


def compare_days(
    days: Sequence[pl.DataFrame], test: pl.DataFrame, videos: pl.DataFrame, comments: pl.DataFrame
) -> tuple[Note, ...]:
    """What disagrees between a day's logs and those of the other days, what the ``test`` shows, the table of videos or
    the comments; ``UserError`` for a log that is a copy of another day's.
    """
    refuse_copies(days)
    known, names = videos.filter("known"), {"item_duration": "duration", "item_serialno": "serial", **WORDS}
    blank = [name for name, ours in names.items() if known.height == known[ours].null_count() >= FEWEST]
    notes = [Note(VIDEOS, f"{name}: blank in every row", known.height, CHECK) for name in blank]
    samples = [take_sample(day, videos) for day in days]
    log = pl.concat(samples)
    notes += compare(CLICKS, COMMENTS, {"click_time": (comments["date"].cast(pl.Datetime("ms")), log["time"])})
    watched = log.drop_nulls("play")
    notes += compare(PLAYS, "item_duration of their videos", {"play_time": (watched["length"], watched["play"])})
    for at, (sample, day) in enumerate(zip(samples, days, strict=True)):
        others, number = pl.concat([*samples[:at], *samples[at + 1 :]]), int(day["day"][0])
        for path, name, column in ((click_path, "day 1 by click_time", "first"), (play_path, "play_time", "play")):
            file = short_name(Path(path(number)))
            notes += compare(file, "the other days", {name: (others[column], sample[column])})
    return (*notes, *compare_order(days, test))


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
    """Some clicks of a day: time, first (what day 1 would be by it), play and the length of the video (both in s)."""
    clicked = day.filter("clicked")
    some = clicked.gather_every(max(clicked.height // SAMPLE, 1))
    days = pl.col("day").cast(pl.Int64) - 1
    return some.select(
        time=pl.col("click_ms").cast(pl.Datetime("ms")),
        first=(pl.col("click_ms") - days * DAY_MS).cast(pl.Datetime("ms")),
        play="play",
        length=videos["duration"].gather(some["video"]),
    )


def compare_order(days: Sequence[pl.DataFrame], test: pl.DataFrame) -> Iterator[Note]:
    """Whether the lists of the test are in the order of the days' lists, which the features take for the shown order.

    A host that sorted or shuffled one of the files has another share of lists whose last video has the larger vid, or
    was shown less often than the first.
    """
    usual, tested = pl.concat([compare_ends(day.filter("shown")) for day in days]), compare_ends(test)
    for name in usual.columns:
        old, new = usual[name].drop_nulls(), tested[name].drop_nulls()
        if min(len(old), len(new)) < FEWEST:
            continue
        before, after = float(old.mean()), float(new.mean())  # type: ignore[arg-type]
        if abs(after - before) > REORDERED + ERRORS * 0.5 / len(new) ** 0.5:
            what = f"in another order than the days': {name} than the first in {after:.0%} of them, there {before:.0%}"
            yield Note("the lists of the test", what, len(new), RESORTED)


def compare_ends(shown: pl.DataFrame) -> pl.DataFrame:
    """One row a list of two videos and more: whether the last one has a larger vid, and is rarer (null: level).

    ``shown``: device, video, sorted by device and position.

    >>> compare_ends(pl.DataFrame({"device": [1, 1, 1, 2, 2, 3], "video": [7, 8, 9, 9, 5, 5]})).rows()
    [(True, False), (False, None)]
    """
    rows = shown.select("device", "video", shows=pl.len().over("video"))
    lists = rows.group_by("device", maintain_order=True).agg(
        pl.all().first().name.prefix("first_"), pl.all().last().name.prefix("last_"), size=pl.len()
    )
    rarer = pl.col("last_shows") < pl.col("first_shows")
    return lists.filter(pl.col("size") > 1).select(
        (pl.col("last_video") > pl.col("first_video")).alias("the last vid is larger"),
        pl.when(pl.col("last_shows") != pl.col("first_shows")).then(rarer).alias("the last video is rarer"),
    )
