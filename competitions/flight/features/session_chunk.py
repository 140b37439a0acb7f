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


def cut_chunk(searches: Searches, first: int, last: int) -> SessionChunk:
    """The sessions [first, last) with their options, before it is said what they see."""
    options = add_attributes(take_options(searches.options, searches.sessions, first, last))
    return SessionChunk(searches.sessions[first:last], options, options["session"] - first)
