"""Small integers for devices and videos: the row of a sorted list of all that the files name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.io.column import Column
from common.io.notes import Note
from common.io.submission import refuse_unwritable
from competitions.mgtv.io.folder import RawFiles
from competitions.mgtv.io.tables import DEVICE, PAIR, VIDEO, open_csv


@dataclass(frozen=True)
class Codes:
    """``devices`` (did) and ``videos`` (vid), ascending and unique; the row number is the code."""

    devices: pl.DataFrame
    videos: pl.DataFrame


def learn_codes(files: RawFiles) -> Codes:
    """Every device of a log or of the test; every video of these or of the table of videos."""
    logs = [path for day in files.days for path in (day.show, day.click, day.play) if path is not None]
    asked = _list_distinct(files.test_devices, DEVICE)["did"]
    refuse_unwritable(asked, f"{files.test_devices}, column 'did'")
    seen = [_list_distinct(path, PAIR) for path in (*logs, files.shown)]
    devices = [asked, *(columns["did"] for columns in seen)]
    videos = [_list_distinct(files.videos, VIDEO)["vid"], *(columns["vid"] for columns in seen)]
    return Codes(_sort_distinct(devices), _sort_distinct(videos))


def _list_distinct(path: Path, columns: Sequence[Column]) -> dict[str, pl.Series]:
    names = [column.header for column in columns]
    parts = [[frame[name].unique() for name in names] for frame, *_ in open_csv(path, columns).read_blocks()]
    return {name: pl.concat(part).unique() for name, part in zip(names, zip(*parts, strict=True), strict=True)}


def _sort_distinct(parts: Iterable[pl.Series]) -> pl.DataFrame:
    return pl.concat(list(parts)).unique().sort().to_frame()


def encode(frame: pl.DataFrame, codes: Codes) -> pl.DataFrame:
    """Put ``device`` in the place of did and ``video`` in that of vid (both Int32, in front), rows in their order.

    Null is what ``codes`` lacks.
    """
    parts = []
    for host, name, known in (("did", "device", codes.devices), ("vid", "video", codes.videos)):
        if host in frame.columns:
            coded = known.with_columns(pl.int_range(pl.len(), dtype=pl.Int32).alias(name))
            parts.append(frame.select(host).join(coded, on=host, how="left", maintain_order="left")[name])
    return pl.DataFrame([*parts, *frame.drop("did", "vid", strict=False)])


def keep_notes(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The findings that any row has."""
    return tuple(note for note in notes if note.rows)
