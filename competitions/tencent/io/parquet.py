"""Read parquet files of the release layout batch by batch, with the number of the row in every refusal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Int64s

BATCH_ROWS = 1 << 16
NUMBERS = pa.list_(pa.int64())


@dataclass(frozen=True)
class Batch:
    """Some rows of a file; ``first``: how many rows stand before them in it."""

    path: Path
    first: int
    table: Any

    @property
    def rows(self) -> int:
        """How many."""
        return int(self.table.num_rows)

    def refuse(self, row: int, reason: str) -> NoReturn:
        """Stop the reading at a row of the batch."""
        raise UserError(f"{self.path}, row {self.first + row + 1}: {reason}; download the file again")

    def refuse_any(self, wrong: Bools, reason: str, lengths: Int64s | None = None) -> None:
        """Stop at the first row that is wrong; where rows are lists of ``lengths``, ``wrong`` is by element."""
        if wrong.any():
            index = np.argmax(wrong)  # its row is the first whose elements end behind it
            row = index if lengths is None else np.searchsorted(np.cumsum(lengths), index, side="right")
            self.refuse(int(row), reason)

    def column(self, name: str, kind: Any) -> Any:
        """A column as an arrow type; refused where it cannot be cast, or lacks a field of a struct."""
        column = self.table.column(name)
        reason = ""
        try:
            if _list_fields(kind) <= _list_fields(column.type):
                return column.cast(kind)
        except pa.ArrowException as error:
            reason = f" ({str(error).splitlines()[0]})"
        raise UserError(
            f"{self.path}, column {name!r}: {column.type} where {kind} is expected{reason}; download it again"
        )

    def numbers(self, name: str, missing: int = 0) -> Int64s:
        """A column of whole numbers, ``missing`` where null."""
        return to_numpy(self.column(name, pa.int64()), missing)

    def lists(self, name: str, kind: Any = NUMBERS) -> tuple[Any, Int64s]:
        """The elements of a column of lists end to end, and how many each row has."""
        column = self.column(name, kind)
        return column.flatten(), to_numpy(pc.list_value_length(column))

    def rids(self, name: str, known: int, what: str) -> Int64s:
        """A column of re-ids, of which the indexer has 1..``known``."""
        rids = self.numbers(name, -1)
        self.refuse_any(rids == -1, f"no {name}")
        wrong = (rids < 1) | (rids > known)
        first = rids[np.argmax(wrong)] if len(rids) else 0
        self.refuse_any(wrong, f"{name} {first} is not one of the indexer's {known} {what}")
        return rids


def _list_fields(kind: Any) -> set[str]:
    """The fields of a struct, or of a list of structs."""
    kind = getattr(kind, "value_type", kind)
    return {field.name for field in kind} if pa.types.is_struct(kind) else set()


def to_numpy(column: Any, missing: int = 0) -> Int64s:
    """An arrow column of whole numbers, ``missing`` where null."""
    values: Int64s = pc.fill_null(column, missing).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return values


def read_batches(
    paths: tuple[Path, ...], names: tuple[str, ...], rows: int = 0, older: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Batch]:
    """Columns of the files in their order, ``rows`` or ``BATCH_ROWS`` at a time; refused: a file that lacks one.
    ``older``: what a column is called in older files.
    """
    for path in paths:
        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{path} is not a parquet file: {str(error).splitlines()[0]}; download it again") from error
        held = file.schema_arrow.names
        stored = [older[name] if name in older and name not in held and older[name] in held else name for name in names]
        for name in stored:
            if (count := held.count(name)) != 1:
                raise UserError(f"{path} has {count} columns {name!r} where one is expected; download it again")
        first = 0
        try:
            for batch in file.iter_batches(rows or BATCH_ROWS, columns=stored):
                yield Batch(path, first, batch.select(stored).rename_columns(list(names)))
                first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{path}, behind row {first}: {reason}; download it again") from error
