"""Read the time-synced comments: one workbook after the other, added up by video and day."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from common.io.column import DIGITS_BEFORE_POINT, NULL_WORD, READ_AS_BLANK, blank_nulls
from common.io.notes import Note
from competitions.mgtv.io.encoding import Codes
from competitions.mgtv.io.folder import RawFiles
from competitions.mgtv.io.schema import COMMENT_COLUMNS, COMMENT_SHEET, COMMENTS, NULLS
from competitions.mgtv.io.sentiment import score_sentiment
from competitions.mgtv.io.timestamps import parse_excel_days, parse_moments
from competitions.mgtv.io.videos import read_videos
from competitions.mgtv.io.xlsx import read_sheets

# A duration may be cut to whole seconds: a comment in the last of them is no stray.
SLACK_MS = 1000
SUMS: dict[str, type[pl.DataType]] = {
    "comments": pl.Int32,
    "sentiment": pl.Float32,
    "offset_s": pl.Float32,
    "length": pl.Int32,
}
DONE = {
    "comment with a videoid that is not a whole number": "left out",
    "comment of an unknown video": "left out",
    "comment with a ctime that is blank or not a date": "left out: its time is unknown",
    "comment without a text": "kept, of length 0",
    "comment with an etime that is not a number": "kept, at an unknown offset",
    "comment with an etime below 0": "kept, at an unknown offset",
    "comment with an etime beyond the end of the video": "kept, at an unknown offset",
    NULL_WORD: READ_AS_BLANK,
}
ODD_VIDEO, STRANGE, UNDATED, SILENT, ODD_OFFSET, NEGATIVE, BEYOND, _ = DONE


@dataclass(frozen=True)
class Comments:
    """One row per video and date of writing, sorted by these: the number of ``comments``, the sum of their
    ``sentiment`` (each -1, 0 or 1), of their offsets in the video in seconds (unknown: 0), and of their characters.
    ``warning``: there are comments, and none of them is read; "" where not.
    """

    frame: pl.DataFrame
    notes: tuple[Note, ...]
    warning: str


def read_comments(files: RawFiles, codes: Codes) -> Comments:
    """Read the workbooks one by one; memory is that of the largest."""
    lengths = read_videos(files, codes).frame.select("video", "vid", most_ms=pl.col("duration") * 1000 + SLACK_MS)
    schema = {"video": pl.Int32, "date": pl.Date, "comments": pl.Int64, "sentiment": pl.Int64}
    parts = [pl.DataFrame(schema=schema | {"offset_ms": pl.Int64, "length": pl.Int64})]
    counts: Counter[str] = Counter()
    sample: dict[str, str | None] = {}
    for table in read_sheets(files.comments, COMMENT_SHEET, COMMENT_COLUMNS):
        part, faults = _add_up(table, lengths)
        parts.append(part)
        counts.update(faults)
        sample = sample or next(table.head(1).iter_rows(named=True), {})
    total = pl.concat(parts).group_by("video", "date").agg(pl.all().sum()).sort("video", "date")
    frame = total.with_columns(offset_s=pl.col("offset_ms") / 1000).select(
        "video", "date", *(pl.col(name).cast(dtype) for name, dtype in SUMS.items())
    )
    notes = [Note(COMMENTS, what, counts[what], DONE[what]) for what in DONE if counts[what]]
    beside = [note for note in files.notes if note.file == COMMENTS]
    warning = _warn([*beside, *notes], sample) if (beside or notes) and frame.is_empty() else ""
    return Comments(frame, tuple(notes), warning)


def _warn(notes: list[Note], sample: dict[str, str | None]) -> str:
    faults = "; ".join(f"{note.what}: {note.rows:,}" for note in notes)
    first = (
        f"; the first has {', '.join(f'{name} {sample[name]!r}' for name in ('videoid', 'ctime'))}" if sample else ""
    )
    return f"no comment in {COMMENTS} can be used, so features of comments are empty: {faults}{first}"


def _add_up(table: pl.DataFrame, lengths: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """One row per (video, date) of a workbook, in whole numbers, whose sums do not depend on the order."""
    blanked = [blank_nulls(column, NULLS) for column in table]
    rows = pl.DataFrame([column for column, _ in blanked]).filter(~pl.all_horizontal(pl.all().is_null()))
    vid = pl.col("videoid").str.strip_chars().str.replace(DIGITS_BEFORE_POINT, "$1").cast(pl.Int64, strict=False)
    etime = pl.col("etime").str.strip_chars().cast(pl.Float64, strict=False)
    read = rows.select(
        vid=vid,
        date=_parse_times(rows["ctime"].str.strip_chars()).cast(pl.Datetime("ms")).dt.date(),
        content="content",
        written=pl.col("etime").is_not_null(),
        etime=pl.when(etime.is_finite()).then(etime),
    ).join(lengths, on="vid", how="left", maintain_order="left")
    known = pl.col("video").is_not_null()
    kept = read.filter(known & pl.col("date").is_not_null())
    offset = pl.col("etime")
    faults = kept.select(
        pl.col("content").is_null().sum().alias(SILENT),
        (pl.col("written") & offset.is_null()).sum().alias(ODD_OFFSET),
        (offset < 0).sum().alias(NEGATIVE),
        (offset > pl.col("most_ms")).sum().alias(BEYOND),
    ).row(0, named=True)
    lost = read.select(
        pl.col("vid").is_null().sum().alias(ODD_VIDEO),
        (pl.col("vid").is_not_null() & ~known).sum().alias(STRANGE),
        (known & pl.col("date").is_null()).sum().alias(UNDATED),
    ).row(0, named=True)
    inside = (offset >= 0) & ~(offset > pl.col("most_ms")).fill_null(False)
    sums = kept.group_by("video", "date").agg(
        comments=pl.len().cast(pl.Int64),
        sentiment=score_sentiment(pl.col("content")).cast(pl.Int64).sum(),
        offset_ms=pl.when(inside).then(offset.round().cast(pl.Int64, strict=False)).sum(),
        length=pl.col("content").str.len_chars().cast(pl.Int64).sum(),
    )
    return sums, faults | lost | {NULL_WORD: sum(words for _, words in blanked)}


def _parse_times(text: pl.Series) -> pl.Series:
    """Moments, or Excel's days where more of a workbook can be read as these: 45767 alone may be either's fault."""
    moments, days = parse_moments(text), parse_excel_days(text)
    return days if days.count() > moments.count() else moments
