"""Results of steps on disk: one folder an entry, complete or not there at all.

An entry ``<name>-<key[:16]>/`` holds ``value.pkl`` and, beside it, every frame as an uncompressed Arrow file and every
large array as a .npy file. Both are mapped into memory on loading: the pages belong to the file, so the system can take
them back. (5 million rows of 12 columns on one core: written in 0.3 to 0.8 s and mapped in 0.01 s; as zstd parquet,
written in 0.8 to 1.1 s and read in 1.0 s, for four fifths of the size.)
``entry.json`` holds the key and the cost. The folder gets its name when all of it is written; what cannot be read is
computed again. A pickle runs what is in it: a store that another user owns or may write is refused, and such an entry
in it is computed again.
"""

import contextlib
import errno
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from common.engine import progress
from common.engine.errors import UserError
from common.engine.resources import Meter
from common.engine.stored_entry import Entry, StepRecord
from common.io.files import is_private, make_private, writing
from common.io.lock import clear_drafts, find_oldest_start, name_draft

ENTRY, VALUE = "entry.json", "value.pkl"
LARGE_ARRAY_BYTES = 1_000_000


class Store:
    """A folder of entries that several runs may share."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, and clear it of what killed runs left. Raises ``UserError`` when it cannot be written."""
        self.folder = folder
        with writing(folder):
            make_private(folder)
        if not is_private(folder):
            raise UserError(
                f"{folder} belongs to another user or others may write to it, so its kept results are not safe to"
                " load: choose another folder with --build, or make it yours alone (chown, chmod go-w)."
            )
        clear_drafts(folder)

    def path(self, name: str, key: str) -> Path:
        """The folder of an entry."""
        return self.folder / f"{re.sub(r'[^A-Za-z0-9_.]+', '_', name)}-{key[:16]}"

    def find(self, name: str, key: str) -> StepRecord | None:
        """The record of a finished entry, None when there is none; marks it as just used, removes a damaged one."""
        path = self.path(name, key)
        record = _read_record(path, key)
        if record is None and path.exists():
            self.remove(name, key)
            progress.say(f"  {name}: its kept result is damaged or of another version: computing it again")
        if record is not None:
            with contextlib.suppress(OSError):  # a store that cannot be written can still be read
                os.utime(path)
        return record

    def load(self, name: str, key: str) -> Any:
        """The value of an entry. Raises any ``Exception`` where it cannot be read or others may have written it."""
        return _load(self.path(name, key))

    def remove(self, name: str, key: str) -> None:
        """Take an entry away."""
        _remove(self.path(name, key), self.folder)

    def keep(self, name: str, key: str, make: Callable[[], Any]) -> StepRecord:
        """Keep what ``make`` returns, with what it costs to make and to write; nothing of it where that fails.
        Where another run was first, its entry stays.

        Raises ``UserError`` when the disk refuses, ``TypeError`` for a value that cannot be written.
        """
        draft = _temporary(self.folder)
        with writing(self.folder):
            draft.mkdir(mode=0o700)
        try:
            before = len(progress.warned)
            with Meter() as meter:
                value = make()
                with writing(self.folder), (draft / VALUE).open("wb") as stream:
                    _Pickler(stream, draft).dump(value)
            record = StepRecord(
                name=name,
                seconds=meter.seconds,
                peak_mib=meter.peak_mib,
                base_mib=meter.base_mib,
                warnings=tuple(progress.warned[before:]),
            )
            with writing(self.folder):
                (draft / ENTRY).write_bytes(msgspec.json.encode(Entry(key=key, record=record)))
                for file in draft.iterdir():
                    file.chmod(0o600)
                try:
                    draft.rename(self.path(name, key))
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
            return record
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def prune(cache: Path, keep_gib: float) -> int:
    """Remove the least recently used entries until the rest fits into ``keep_gib``; returns the number removed. Those
    that were used since the oldest living run beside the cache began stay: it, or the next one, goes on from them.
    """
    since, entries = find_oldest_start(cache.parent), []
    for path in cache.iterdir():
        with contextlib.suppress(OSError):  # another run may be pruning too
            if (path / ENTRY).is_file():
                size = sum(file.stat().st_size for file in path.iterdir())
                entries.append((path.stat().st_mtime_ns, path, size))
    left = keep_gib * 2**30
    removed = 0
    for used, path, size in sorted(entries, reverse=True):
        left -= size
        if left < 0 and used < since * 1e9:
            _remove(path, cache)
            removed += 1
    return removed


def _temporary(folder: Path) -> Path:
    return folder / name_draft("tmp")


def _remove(path: Path, folder: Path) -> None:
    """Remove an entry, first under a name that nobody looks for: no half-removed one is ever read."""
    doomed = _temporary(folder)
    with writing(folder), contextlib.suppress(FileNotFoundError):
        path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _read_record(path: Path, key: str) -> StepRecord | None:
    """The record in an entry's folder; None where it is missing, damaged or of another key."""
    try:
        entry = msgspec.json.decode((path / ENTRY).read_bytes(), type=Entry)
    except (OSError, ValueError):  # msgspec.DecodeError and UnicodeDecodeError are ValueErrors
        return None
    return entry.record if entry.key == key else None


def _load(path: Path) -> Any:
    if not all(map(is_private, (path, *path.iterdir()))):
        raise PermissionError(f"{path} has a file that belongs to another user, or that others may write")
    with (path / VALUE).open("rb") as stream:
        return _Unpickler(stream, path).load()


class _Pickler(pickle.Pickler):
    """Writes frames and large arrays to files of their own, each object once."""

    def __init__(self, stream: Any, folder: Path) -> None:
        super().__init__(stream, protocol=5)
        self._folder = folder
        self._written: dict[int, tuple[object, str]] = {}  # the object is held so that its id is not used again

    def persistent_id(self, value: Any) -> str | None:
        """The file that stands for the value, written when it is first met; None to pickle it here."""
        if isinstance(value, pl.LazyFrame):
            raise TypeError("a step returned a LazyFrame: collect it first")
        is_large = isinstance(value, np.ndarray) and value.nbytes > LARGE_ARRAY_BYTES and not value.dtype.hasobject
        if not is_large and not isinstance(value, pl.DataFrame):
            return None
        if id(value) not in self._written:
            path = self._folder / f"{len(self._written)}{'.npy' if is_large else '.arrow'}"
            self._written[id(value)] = value, path.name
            if is_large:
                np.save(path, value, allow_pickle=False)
            else:  # in one batch, so that its mapped columns are in one piece
                value.write_ipc(path, compression="uncompressed", record_batch_size=max(1, value.height))
        return self._written[id(value)][1]


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: Any, folder: Path) -> None:
        super().__init__(stream)
        self._folder = folder

    def persistent_load(self, name: str) -> Any:
        """The frame or array of a file, mapped into memory; a plain array, as slices of numpy.memmap take longer."""
        path = self._folder / name
        if name.endswith(".npy"):
            return np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        with pa.memory_map(str(path)) as mapped:
            return pl.from_arrow(pa.ipc.open_file(mapped).read_all(), rechunk=False)
