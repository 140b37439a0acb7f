"""Some whole sessions with everything that a feature may look at."""

from dataclasses import dataclass

import polars as pl

from competitions.flight.features.option_attributes import add_traits, take_options
from competitions.flight.io.reader import Searches


@dataclass(frozen=True)
class Part:
    """Some whole sessions: ``sessions``, their ``options`` with traits, and ``asked``: a session's row per option."""

    sessions: pl.DataFrame
    options: pl.DataFrame
    asked: pl.DataFrame

    def places(self) -> pl.Series:
        """For each option the place of its session among the part's."""
        places: pl.Series = self.options["session"] - self.sessions["session"][0]
        return places


def cut_part(searches: Searches, first: int, last: int, served: pl.DataFrame) -> Part:
    """The sessions [first, last) with their options and views."""
    sessions = searches.sessions[first:last].join(served, on="session", how="left", maintain_order="left")
    options = add_traits(take_options(searches.options, searches.sessions, first, last))
    return Part(sessions, options, sessions[(options["session"] - first).to_numpy()])
