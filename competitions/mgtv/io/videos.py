"""Read the table of videos: what each belongs to, and how long it is."""

from dataclasses import dataclass

import polars as pl

from common.io.notes import Note
from competitions.mgtv.io.encoding import Codes, encode, keep_notes
from competitions.mgtv.io.folder import RawFiles
from competitions.mgtv.io.schema import VIDEO_COLUMNS, short_name
from competitions.mgtv.io.tables import VIDEO, hold_number, hold_text, read_table

# Columns of texts that are read as codes, by the name in the host's file.
WORDS = {
    "item_cid": "collection",
    "item_type": "type",
    "item_assetSource": "source",
    "item_classify": "channel",
    "item_isIntact": "intact",
    "stype": "stype",
    "sid": "series",
}
SHORTEST_S, LONGEST_S = 1.0, 86_400.0  # other durations are wrong: the means of a slate would follow them
NONE_COLUMNS, NONE_VALUES = ("item_cid", "sid"), ("0", "-1")  # that mean none there: earlier editions write 0
ORDER = (
    *("video", "vid", "collection", "type", "duration", "source", "channel"),
    *("intact", "stype", "serial", "series", "known"),
)


@dataclass(frozen=True)
class Videos:
    """One row per video code, in code order: ``collection`` the programme, ``serial`` the number of the episode in it,
    ``duration`` in seconds (of 1 s to a day, or null), ``known``: it stands in the table; the rest are dense
    codes of texts.
    """

    frame: pl.DataFrame
    notes: tuple[Note, ...]


def read_videos(files: RawFiles, codes: Codes) -> Videos:
    """Read the table of videos; a video that it lacks gets a row of nulls."""
    columns = [(hold_number if name == "item_duration" else hold_text)(name) for name in VIDEO_COLUMNS[1:]]
    table = read_table(files.videos, [*VIDEO, *columns])
    distinct = table.frame.unique(maintain_order=True)
    first = distinct.unique("vid", keep="first", maintain_order=True)
    duration = pl.col("item_duration")
    odd = (duration > 0) & ~duration.is_between(SHORTEST_S, LONGEST_S)
    serial = pl.col("item_serialno").cast(pl.Int32, strict=False)
    none = pl.col(*NONE_COLUMNS)
    clean = first.with_columns(
        pl.when(~none.is_in(NONE_VALUES)).then(none),
        duration=pl.when(duration.is_between(SHORTEST_S, LONGEST_S)).then(duration),
        serial=serial,
    ).with_columns(encode_words(pl.col(host_name)).alias(name) for host_name, name in WORDS.items())
    frame = (
        encode(codes.videos.with_columns(pl.col("vid").alias("key")), codes)
        .rename({"key": "vid"})
        .join(clean.with_columns(known=True), on="vid", how="left", maintain_order="left")
        .with_columns(pl.col("known").fill_null(False))
        .select(ORDER)
    )
    unknown = {
        "item_duration blank": duration.is_null(),
        "item_duration zero": duration == 0,
        "item_duration negative": duration < 0,
        "item_duration below a second or above a day": odd,
        "item_serialno not a whole number": serial.is_null() & pl.col("item_serialno").is_not_null(),
    }
    counts = first.select(rows.sum().alias(what) for what, rows in unknown.items()).row(0, named=True)
    name = short_name(files.videos)
    notes = (
        *table.notes,
        Note(name, "row repeated", table.frame.height - distinct.height, "counted once"),
        Note(name, "further row of a video, with other values", distinct.height - first.height, "the first kept"),
        *(Note(name, what, rows, "taken as unknown") for what, rows in counts.items()),
        Note(name, "video of a log or the test that is not in the table", frame.height - first.height, "kept, unknown"),
    )
    return Videos(frame, keep_notes(notes))


def encode_words(text: pl.Expr) -> pl.Expr:
    """Dense codes from 0 of texts in ascending order; in the order of numbers where all are whole numbers."""
    number = text.cast(pl.Int64, strict=False)
    whole = number.null_count() == text.null_count()
    return pl.when(whole).then(number.rank("dense")).otherwise(text.rank("dense")).cast(pl.Int32) - 1
