"""Small integers for the names of carriers, airports and routes, learned on the train file alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from competitions.flight.io.parquet import Source, collect, open_source
from competitions.flight.io.schema import LEGS, SEGMENTS, segment_column

INT16_MAX, INT32_MAX = (1 << 15) - 1, (1 << 31) - 1


@dataclass(frozen=True)
class Codes:
    """The names that the train file knows, each list by falling number of mentions, ties by name: a code is a position.

    A mention is one filled field of one row; a name that the train file lacks has no code (null).
    """

    carriers: pl.Series
    airports: pl.Series
    routes: pl.Series


def learn_codes(train: Path) -> Codes:
    """Read the names of carriers, airports and routes from the train file."""
    source = open_source(train, labelled=True)

    def columns(*fields: str) -> list[str]:
        return [segment_column(leg, segment, field) for leg in LEGS for segment in SEGMENTS for field in fields]

    return Codes(
        carriers=_learn(source, "carriers", columns("marketingCarrier_code", "operatingCarrier_code")),
        airports=_learn(source, "airports", columns("departureFrom_airport_iata")),
        routes=_learn(source, "routes", ["searchRoute"], most=INT32_MAX),
    )


def _learn(source: Source, what: str, columns: Iterable[str], most: int = INT16_MAX) -> pl.Series:
    counted = [
        collect(source.path, source.frame.group_by(pl.col(name).alias("name")).agg(pl.len().alias("rows")))
        for name in columns
    ]
    names = (
        pl.concat(counted)
        .filter(pl.col("name") != "")
        .group_by("name")
        .agg(pl.col("rows").sum())
        .sort("rows", "name", descending=[True, False])["name"]
    )
    if len(names) > most:
        raise UserError(f"{source.path} names {len(names)} {what}, more than {most}: the columns are mixed up")
    return names.alias(what)


def encode(text: pl.Expr, names: pl.Series, dtype: type[pl.Int16 | pl.Int32] = pl.Int16) -> pl.Expr:
    """Replace a name by its position in ``names``; null where it is not among them."""
    return text.cast(pl.Enum(names), strict=False).to_physical().cast(dtype)
