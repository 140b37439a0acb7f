"""Tables of an export, mapped from disk, and the few rows of them that a request needs.

A join of one request with a whole table costs what the table costs. Cut down to the rows under the request's own keys
first, the same join costs next to nothing, and the functions that the pipeline uses serve unchanged.
"""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from common.errors import UserError
from common.pipeline.result_store import writing

T = TypeVar("T", bound=msgspec.Struct)


class KeyedTable:
    """A frame sorted by a column of whole numbers."""

    def __init__(self, frame: pl.DataFrame, key: str) -> None:
        """Rows without a value of ``key`` are never asked for and must not be there."""
        self.frame, self.key = frame, key
        self._keys = frame[key].to_numpy()

    def take(self, values: pl.Series) -> pl.DataFrame:
        """The rows whose key is among ``values``, in their order; nulls ask for nothing."""
        rows, _ = find_spans(self._keys, values.drop_nulls().unique().sort().to_numpy())
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
            return self.frame.slice(int(rows[0]), len(rows))
        return self.frame[rows]


def find_spans(keys: NDArray[np.integer], asked: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places in ``keys`` (ascending) of each of ``asked``, one after the other, and which of these each is for."""
    low, high = np.searchsorted(keys, asked, "left"), np.searchsorted(keys, asked, "right")
    lengths = high - low
    shift = low - (np.cumsum(lengths) - lengths)
    return np.arange(lengths.sum()) + np.repeat(shift, lengths), np.repeat(np.arange(len(asked)), lengths)


def write_table(frame: pl.DataFrame, path: Path, key: str | None = None) -> None:
    """Write a frame as one uncompressed Arrow batch, which can be mapped; sorted by ``key`` where there is one."""
    if key is not None:
        frame = frame.drop_nulls(key).sort(key, maintain_order=True)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_ipc(path, compression="uncompressed", record_batch_size=max(1, frame.height))


def read_table(path: Path) -> pl.DataFrame:
    """A frame of ``write_table``. ``UserError`` where the file is missing or damaged."""
    try:
        with pa.memory_map(str(path)) as mapped:
            frame = pl.from_arrow(pa.ipc.open_file(mapped).read_all(), rechunk=False)
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise UserError(f"{path} cannot be read: {str(error).splitlines()[0]}; export the run again.") from error
    assert isinstance(frame, pl.DataFrame)
    return frame


def read_keyed(path: Path, key: str) -> KeyedTable:
    """A table to be cut down by ``key``."""
    return KeyedTable(read_table(path), key)


def write_struct(value: msgspec.Struct, path: Path) -> None:
    """Write settings of an export as JSON."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(value)) + b"\n")


def read_struct(path: Path, kind: type[T]) -> T:
    """Settings of an export. ``UserError`` where the file is missing or damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(f"{path} cannot be read: {error}; export the run again.") from error


def write_array(array: NDArray[np.generic], path: Path) -> None:
    """Write an array, to be mapped."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array, allow_pickle=False)


def read_array(path: Path) -> NDArray[Any]:
    """An array of ``write_array``, mapped. ``UserError`` where the file is missing or damaged."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read: {error}; export the run again.") from error
    return array
