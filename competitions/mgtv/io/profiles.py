"""Read the table of devices: 87 numbers and a word of unknown meaning."""

from dataclasses import dataclass

import polars as pl

from common.io.notes import Note
from competitions.mgtv.io.encoding import Codes, encode, keep_notes
from competitions.mgtv.io.folder import RawFiles
from competitions.mgtv.io.schema import NUMBERS, PROFILE_COLUMNS, WORD, short_name
from competitions.mgtv.io.tables import DEVICE, hold_number, hold_text, read_table
from competitions.mgtv.io.videos import encode_words

COLUMNS = (*DEVICE, *map(hold_number, NUMBERS), hold_text(WORD))


@dataclass(frozen=True)
class Profiles:
    """One row per device that has a profile, sorted by device: f0 .. f86 (Float32) and f87 (a dense code of its texts,
    Int32), but for columns that are null everywhere.
    """

    frame: pl.DataFrame
    notes: tuple[Note, ...]


def read_profiles(files: RawFiles, codes: Codes) -> Profiles:
    """Read the profiles of the devices of ``codes``; without the file, a frame without rows."""
    if files.profiles is None:
        return Profiles(pl.DataFrame(schema={"device": pl.Int32}), ())
    read = read_table(files.profiles, COLUMNS)
    rows, notes, table = read.frame.height, read.notes, encode(read.frame, codes)
    del read
    known = table.filter(pl.col("device").is_not_null())
    del table
    first = known.unique("device", keep="first", maintain_order=True).sort("device")
    empty = [name for name in PROFILE_COLUMNS[1:] if first[name].null_count() == first.height]
    frame = first.drop(empty)
    if WORD in frame.columns:
        frame = frame.with_columns(encode_words(pl.col(WORD)))
    name, listed = short_name(files.profiles), ", ".join(empty[:3]) + ", …" * (len(empty) > 3)
    notes += (
        Note(name, "device in neither a log nor the test", rows - known.height, "left out"),
        Note(name, "further row of a device", known.height - first.height, "the first kept"),
        Note(name, "device of a log or the test that is not in the table", codes.devices.height - first.height, "kept"),
        Note(name, f"column without a value ({listed})", len(empty), "left out"),
    )
    return Profiles(frame, keep_notes(notes))
