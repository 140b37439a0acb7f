"""Read parquet files of the release layout batch by batch, with the number of the row in every refusal."""

import contextlib
from collections.abc import Iterator
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

    def refuse_any(self, wrong: Bools, reason: str) -> None:
        """Stop at the first row that is wrong, if there is one."""
        if wrong.any():
            self.refuse(int(np.argmax(wrong)), reason)

    def whole(self, name: str) -> Int64s:
        """A column of numbers; refuses nulls."""
        column = self.columns[name]
        self.refuse_any(pc.is_null(column).to_numpy(zero_copy_only=False), f"no {name}")
        return numbers(self.path, name, column)


def numbers(path: Path, name: str, column: Any, missing: int = 0) -> Int64s:
    """An arrow column of whole numbers, ``missing`` where null. pandas makes them doubles, NaN where one is null."""
    if pa.types.is_null(column.type):
        return np.full(len(column), missing, np.int64)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
        with contextlib.suppress(pa.ArrowInvalid):  # a fraction
            column = pc.cast(column, pa.int64())
    if not pa.types.is_integer(column.type):
        raise UserError(f"{path}, {name}: {column.type} where whole numbers are expected; download it again")
    filled = pc.fill_null(column, missing) if column.null_count else column
    values: Int64s = filled.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return values


def open_table(path: Path) -> Any:
    """The file, its footer read."""
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is no parquet file: {str(error).splitlines()[0]}; download it again") from error


def read_batches(paths: tuple[Path, ...], names: tuple[str, ...], rows: int = 0) -> Iterator[Batch]:
    """Columns of the files in their order, ``rows`` or ``BATCH_ROWS`` at a time; refuses a file that lacks one."""
    for path in paths:
        file = open_table(path)
        lacks = next((name for name in names if name not in file.schema_arrow.names), None)
        if lacks:
            raise UserError(f"{path} lacks the column {lacks!r}; download it again")
        first = 0
        try:
            for batch in file.iter_batches(rows or BATCH_ROWS, columns=list(names)):
                yield Batch(path, first, {name: batch.column(name) for name in names})
                first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{path}, behind row {first}: {reason}; download it again") from error
