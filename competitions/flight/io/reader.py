"""Read and check the host's raw files: train.parquet and test.parquet, one row per flight option of a search.

A file is read column by column, never as a whole. What a rule can settle (an unreadable duration, a price of zero) is
counted in a ``Note``; what makes a row unusable (no ranker_id, a repeated Id) is a ``UserError``.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io.files import require_file
from common.io.notes import Note
from competitions.flight.io.encoding import Codes, learn_codes
from competitions.flight.io.options import read_fares, read_leg
from competitions.flight.io.parquet import open_source
from competitions.flight.io.schema import LEGS, TEST, TRAIN, WHERE
from competitions.flight.io.sessions import build_sessions, group_rows, mark_booked, refuse_repeated_ids

__all__ = ["Codes", "RawFiles", "Searches", "learn_codes", "locate", "read_searches", "refuse_shared"]


@dataclass(frozen=True)
class RawFiles:
    """The host's two files."""

    train: Path
    test: Path


@dataclass(frozen=True)
class Searches:
    """One file. ``sessions``: one row per search, in order of appearance; ``options``: one row per option, the options
    of a session together and in file order.
    """

    sessions: pl.DataFrame
    options: pl.DataFrame
    notes: tuple[Note, ...] = ()


def locate(folder: Path) -> RawFiles:
    """Find the host's files in ``folder``."""
    for name in (TRAIN, TEST):
        require_file(folder / name, WHERE)
    return RawFiles(folder / TRAIN, folder / TEST)


def read_searches(path: Path, codes: Codes, labelled: bool) -> Searches:
    """Read a file of searches; ``labelled``: it has the column selected (train.parquet)."""
    source = open_source(path, labelled)
    refuse_repeated_ids(source)
    grouping, grouped = group_rows(source)
    parts = [read_fares(source), *(read_leg(source, codes, leg) for leg in LEGS)]
    columns = pl.concat([frame for frame, _ in parts], how="horizontal")
    row = pl.int_range(source.rows, dtype=pl.Int64, eager=True).alias("row")
    if grouping.order is not None:
        columns, row = columns[grouping.order], grouping.order
    options = columns.insert_column(0, row).insert_column(0, grouping.session)
    sessions, built = build_sessions(source, grouping, codes, options["back_segments"])
    sessions, booked = mark_booked(source, grouping, sessions, labelled)
    notes = [*source.notes, *grouped, *built, *(note for _, faults in parts for note in faults), *booked]
    return Searches(sessions, options, tuple(note for note in notes if note.rows))


def refuse_shared(train: Searches, test: Searches) -> None:
    """Refuse a session that stands in both files."""
    shared = test.sessions.join(train.sessions, on="ranker_id", how="semi", maintain_order="left")["ranker_id"]
    if len(shared):
        raise UserError(
            f"{len(shared)} session(s) are in both {TRAIN} and {TEST} (first: {shared[0]!r}): the files must not share "
            "sessions; download them again"
        )
