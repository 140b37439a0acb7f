"""Some whole sessions with everything that a feature may look at."""

from dataclasses import dataclass

import polars as pl

from competitions.flight.features.option_attributes import add_attributes, take_options
from competitions.flight.io.reader import Searches


@dataclass(frozen=True)
class SessionChunk:
    """Some whole sessions (with their snapshot and its time), and their ``options`` with attributes; ``session_rows``:
    by option, the row of its session in ``sessions``.
    """

    sessions: pl.DataFrame
    options: pl.DataFrame
    session_rows: pl.Series


def cut_chunk(searches: Searches, first: int, last: int, assigned: pl.DataFrame) -> SessionChunk:
    """The sessions [first, last) with their options; ``assigned`` (session, snapshot, until)."""
    sessions = searches.sessions[first:last].join(assigned, on="session", how="left", maintain_order="left")
    options = add_attributes(take_options(searches.options, searches.sessions, first, last))
    return SessionChunk(sessions, options, options["session"] - first)
