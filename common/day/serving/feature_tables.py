"""Tables of an export, mapped from disk, and the few rows of them that a request needs.

A join of one request with a whole table costs what the table costs. Cut down to the rows under the request's own keys
first, the same join costs next to nothing, and the functions that the pipeline uses serve unchanged.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.engine.result_store import map_frame, write_frame, writing
from common.learning.features import expand_spans

UNREADABLE = (OSError, ValueError, EOFError, pa.ArrowException, pl.exceptions.PolarsError, msgspec.MsgspecError)
T = TypeVar("T", bound=msgspec.Struct)
D = TypeVar("D")


class KeyedTable:
    """A frame sorted by a column of whole numbers."""

    def __init__(self, frame: pl.DataFrame, key: str) -> None:
        """Rows without a value of ``key`` are never looked up and must not be there."""
        self.frame, self.key = frame, key
        self._keys = frame[key].to_numpy()

    def take(self, values: pl.Series) -> pl.DataFrame:
        """The rows whose key is among ``values``, in their order; nulls match nothing."""
        rows, _ = find_spans(self._keys, values.drop_nulls().unique().sort().to_numpy())
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
            return self.frame.slice(int(rows[0]), len(rows))
        return self.frame[rows]


def find_spans(keys: NDArray[np.integer], values: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of ``keys`` (ascending) equal to each of ``values``, in turn, and the index of each row's value."""
    low, high = np.searchsorted(keys, values, "left"), np.searchsorted(keys, values, "right")
    return expand_spans(low, high - low)


@contextlib.contextmanager
def _creating(path: Path) -> Iterator[None]:
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn a missing or damaged file into a ``UserError``."""
    try:
        yield
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read: {str(error).splitlines()[0]}; export the run again.") from error


def write_table(frame: pl.DataFrame, path: Path, key: str | None = None) -> None:
    """Write a frame as one uncompressed Arrow batch, which can be mapped; sorted by ``key`` where there is one."""
    if key is not None:
        frame = frame.drop_nulls(key).sort(key, maintain_order=True)
    with _creating(path):
        write_frame(frame, path)


def read_table(path: Path) -> pl.DataFrame:
    """A frame of ``write_table``. ``UserError`` where the file is missing or damaged."""
    with _reading(path):
        return map_frame(path)


def read_keyed(path: Path, key: str) -> KeyedTable:
    """A table to be cut down by ``key``."""
    return KeyedTable(read_table(path), key)


def write_struct(value: msgspec.Struct, path: Path) -> None:
    """Write settings of an export as JSON."""
    with _creating(path):
        path.write_bytes(msgspec.json.format(msgspec.json.encode(value)) + b"\n")


def read_struct(path: Path, kind: type[T]) -> T:
    """Settings of an export. ``UserError`` where the file is missing or damaged."""
    with _reading(path):
        return msgspec.json.decode(path.read_bytes(), type=kind)


def write_array(array: NDArray[np.generic], path: Path) -> None:
    """Write an array, to be mapped."""
    with _creating(path):
        np.save(path, array, allow_pickle=False)


def read_array(path: Path) -> NDArray[Any]:
    """An array of ``write_array``, mapped. ``UserError`` where the file is missing or damaged."""
    with _reading(path):
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array


def write_arrays(value: Any, folder: Path) -> None:
    """Write a dataclass of arrays, whole numbers, other such dataclasses and dictionaries of them; to be mapped."""
    for name, part in _list_parts(value):
        if isinstance(part, np.ndarray | int):
            write_array(np.asarray(part), folder / f"{name}.npy")
        else:
            write_arrays(part, folder / name)


def _list_parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return [(field.name, getattr(value, field.name)) for field in fields(value)]


def read_arrays(folder: Path, kind: type[D]) -> D:
    """A dataclass of ``write_arrays``, its arrays mapped. ``UserError`` where a file is missing or damaged."""
    hints = get_type_hints(kind)
    return kind(**{name: _read_part(folder / name, hint) for name, hint in hints.items()})


def _read_part(path: Path, hint: Any) -> Any:
    if get_origin(hint) is dict:
        names = sorted(one.name.removesuffix(".npy") for one in path.iterdir()) if path.is_dir() else []
        return {name: _read_part(path / name, get_args(hint)[1]) for name in names}
    if isinstance(hint, type) and is_dataclass(hint):
        return read_arrays(path, hint)
    array = read_array(path.with_name(f"{path.name}.npy"))
    return int(array) if hint is int else array.view(np.ndarray)
