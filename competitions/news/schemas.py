"""Contracts of the tables that cross a border between modules; a broken one names the rule and the column."""

from typing import Any

import dataframely as dy
import polars as pl

from common.engine.errors import UserError


class Candidates(dy.Schema):
    """One row per (query, item) that a ranker is to score; recall's other columns may follow."""

    query = dy.Int32(primary_key=True)
    item = dy.Int32(primary_key=True)


class Predictions(dy.Schema):
    """One row per scored candidate; a higher score is better."""

    query = dy.Int32(primary_key=True)
    item = dy.Int32(primary_key=True)
    score = dy.Float64(nullable=False, allow_nan=False, allow_inf=False)


def validate(frame: pl.DataFrame, contract: type[dy.Schema], what: str) -> pl.DataFrame:
    """Return ``frame`` unchanged once its contract columns are checked; ``what`` names it in the error."""
    try:
        contract.validate(frame.select(contract.column_names()))
    except (dy.exc.ValidationError, dy.exc.SchemaError, pl.exceptions.ColumnNotFoundError) as error:
        raise UserError(f"{what} breaks the contract {contract.__name__}: {_first_line(error)}") from error
    return frame


def _first_line(error: Any) -> str:
    return " ".join(str(error).split())[:300]
