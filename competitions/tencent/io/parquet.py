"""Read parquet files of the release layout batch by batch, with the number of the row in every refusal."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Int64s

BATCH_ROWS = 1 << 16
TYPES = pa.types
PLAIN = (TYPES.is_integer, TYPES.is_floating, TYPES.is_boolean, TYPES.is_null, TYPES.is_string, TYPES.is_large_string)
VALUE, STRUCT = "a number or text", "a struct of them"
LIST, EVENTS = f"a list of {VALUE}", f"a list of {STRUCT}"


@dataclass(frozen=True)
class Batch:
    """Some rows of a file; ``first``: how many rows stand before them in it."""

    path: Path
    first: int
    columns: dict[str, Any]

    @property
    def rows(self) -> int:
        """How many."""
        return len(next(iter(self.columns.values())))

    def refuse(self, row: int, reason: str) -> NoReturn:
        """Stop the reading at a row of the batch."""
        raise UserError(f"{self.path}, row {self.first + row + 1}: {reason}; download the file again")

    def refuse_any(self, wrong: Bools, reason: str, lengths: Int64s | None = None) -> None:
        """Stop at the first row that is wrong; where rows are lists of ``lengths``, ``wrong`` is by element."""
        if wrong.any():
            index = np.argmax(wrong)  # its row is the first whose elements end behind it
            row = index if lengths is None else np.searchsorted(np.cumsum(lengths), index, side="right")
            self.refuse(int(row), reason)

    def flatten(self, name: str) -> tuple[Any, Int64s]:
        """The elements of a column of lists end to end, and how many each row has."""
        return self.columns[name].flatten(), numbers(self.path, name, pc.list_value_length(self.columns[name]))

    def rids(self, name: str, known: int, what: str) -> Int64s:
        """A column of re-ids, of which the indexer has 1..``known``."""
        self.refuse_any(pc.is_null(self.columns[name]).to_numpy(zero_copy_only=False), f"no {name}")
        rids = numbers(self.path, name, self.columns[name])
        wrong = (rids < 1) | (rids > known)
        first = rids[np.argmax(wrong)] if len(rids) else 0
        self.refuse_any(wrong, f"{name} {first} is not one of the indexer's {known} {what}")
        return rids


def numbers(path: Path, name: str, column: Any, missing: int = 0) -> Int64s:
    """An arrow column of whole numbers, ``missing`` where null. pandas makes them doubles, NaN where one is null."""
    if TYPES.is_null(column.type):
        return np.full(len(column), missing, np.int64)
    if TYPES.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
        with contextlib.suppress(pa.ArrowInvalid):  # a fraction
            column = pc.cast(column, pa.int64())
    if not TYPES.is_integer(column.type):
        raise UserError(f"{path}, {name}: {column.type} where whole numbers are expected; download it again")
    filled = pc.fill_null(column, missing) if column.null_count else column
    values: Int64s = filled.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return values


def is_list(kind: Any) -> bool:
    """Whether a type is that of lists of any length."""
    return bool(TYPES.is_list(kind) or TYPES.is_large_list(kind))


def list_columns(path: Path) -> list[str]:
    """The names of a file's columns."""
    return list(_open(path).schema_arrow.names)


def _open(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is not a parquet file: {str(error).splitlines()[0]}; download it again") from error


def read_batches(
    paths: tuple[Path, ...], names: tuple[str, ...], forms: Mapping[str, str] | None = None, rows: int = 0
) -> Iterator[Batch]:
    """Columns of the files in their order, ``rows`` or ``BATCH_ROWS`` at a time.

    Refused: a file that lacks a column, has it twice, or has something else in it than numbers, truth values or texts;
    ``forms`` says by column what may stand there besides: LIST, STRUCT or EVENTS.
    """
    forms = forms or {}
    for path in paths:
        file = _open(path)
        for name in names:
            _refuse_odd(path, file.schema_arrow, name, forms.get(name, VALUE))
        first = 0
        try:
            for batch in file.iter_batches(rows or BATCH_ROWS, columns=list(names)):
                yield Batch(path, first, {name: batch.column(name) for name in names})
                first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{path}, behind row {first}: {reason}; download it again") from error


def _refuse_odd(path: Path, schema: Any, name: str, form: str) -> None:
    types = [field.type for field in schema if field.name == name]
    if len(types) != 1:
        fault = f"has the column {name!r} {len(types)} times" if types else f"has no column {name!r}"
        raise UserError(f"{path} {fault}; download it again")
    if _describe_form(types[0]) not in (VALUE, form):
        expected = VALUE if form == VALUE else f"{VALUE} or {form}"
        raise UserError(f"{path}, column {name!r}: {types[0]} where {expected} is expected; download it again")


def _describe_form(kind: Any) -> str:
    if is_list(kind) or TYPES.is_fixed_size_list(kind):
        return f"a list of {_describe_form(kind.value_type)}"
    if TYPES.is_struct(kind):
        is_plain = all(_describe_form(field.type) == VALUE for field in kind)
        return STRUCT if is_plain and len({field.name for field in kind}) == len(kind) else "another"
    return VALUE if any(is_kind(kind) for is_kind in PLAIN) else "another"
