"""Read large JSON files in pieces that end at line ends, in parallel processes; each piece comes back as arrays."""

import gc
import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from common.engine.errors import UserError
from competitions.tencent.corpus import Int64s, join_columns

T = TypeVar("T")
S = TypeVar("S")
PIECE_BYTES = 1 << 24
# What decoding raises; RecursionError of brackets in thousands, even where they are skipped.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
PARALLEL_BYTES = 1 << 26  # below this, starting processes costs more than it saves


class LineError(Exception):
    """A line that cannot be read: its number in the piece, and why."""

    def __init__(self, line: int, reason: str) -> None:
        """``line`` counts from 0 within the piece."""
        super().__init__(line, reason)
        self.line = line
        self.reason = reason


def map_parallel(function: Callable[[S], T], tasks: Sequence[S], size: int) -> Iterator[T]:
    """Results in the order of the tasks; in this process where ``size`` bytes in all are few."""
    workers = min(os.cpu_count() or 1, len(tasks))
    if workers < 2 or size < PARALLEL_BYTES:
        yield from map(function, tasks)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        pending = [pool.submit(function, task) for task in tasks[: 2 * workers]]
        for task in [*tasks[2 * workers :], *[None] * len(pending)]:
            done = pending.pop(0)
            if task is not None:
                pending.append(pool.submit(function, task))
            try:
                yield done.result()
            except BrokenProcessPool as error:
                raise UserError("a process that reads was ended from outside, likely for lack of memory") from error


def read_all_lines(path: Path, parse: Callable[[bytes], T]) -> tuple[Int64s, T]:
    """Where each line of a file starts, and all its lines; ``parse`` gives a dataclass whose fields are arrays."""
    pieces = list(read_lines(path, parse))
    if not pieces:
        raise UserError(f"{path} is empty (0 bytes); download it again")
    return np.concatenate([starts for starts, _ in pieces]), join_columns([value for _, value in pieces])


def read_lines(path: Path, parse: Callable[[bytes], T]) -> Iterator[tuple[Int64s, T]]:
    """Apply ``parse`` to the bytes of some whole lines at a time; gives also the byte at which each line starts.

    The ``LineError`` of ``parse`` becomes a ``UserError``.

    It must be importable, with its arguments bound by ``functools.partial``. A gzipped file is known by its
    first bytes, whatever its name, and read by this process alone.
    """
    first, size = 0, path.stat().st_size
    results: Iterator[tuple[Int64s, T | LineError]]
    if is_gzip(path):
        results = (_parse(text, begin, parse) for begin, text in _unpack(path))
    else:
        tasks = [(path, begin, end, parse) for begin, end in _ranges(path, size)]
        results = map_parallel(_read, tasks, size)
    for starts, result in results:
        if isinstance(result, LineError):
            line = first + result.line + 1
            raise UserError(f"{path}, line {line}: {result.reason}; correct the line or download the file again")
        yield starts, result
        first += len(starts)


def is_gzip(path: Path) -> bool:
    """Whether a file begins as a gzipped one does."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def decode_lines(text: bytes, decoder: "msgspec.json.Decoder[Any]", may_be_blank: bool = False) -> list[Any]:
    """One value a line, None where it is blank and may be; ``LineError`` at the first line that is no JSON or not of
    the decoder's type.
    """
    with _no_collection():
        try:
            rows = decoder.decode_lines(text)
        except UNREADABLE:
            rows = []
        lines = text.count(b"\n") + (text != b"" and not text.endswith(b"\n"))
        if len(rows) != lines:  # the decoder skips blank lines
            return _decode_each(text, decoder, may_be_blank)
        return rows


def _decode_each(text: bytes, decoder: "msgspec.json.Decoder[Any]", may_be_blank: bool) -> list[Any]:
    rows = []
    for number, line in enumerate(text.removesuffix(b"\n").split(b"\n")):
        try:
            rows.append(None if may_be_blank and not line.strip() else decoder.decode(line))
        except UNREADABLE as error:
            raise LineError(number, f"{error}" if line.strip() else "the line is blank") from error
    return rows


@contextmanager
def _no_collection() -> Iterator[None]:
    """The garbage collector off: it would walk millions of fresh tuples, four times the time of decoding."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _ranges(path: Path, size: int) -> Iterable[tuple[int, int]]:
    begin = 0
    with path.open("rb") as file:
        while begin < size:
            file.seek(min(begin + PIECE_BYTES, size))
            file.readline()
            end = file.tell()
            yield begin, end
            begin = end


def _read(task: tuple[Path, int, int, Callable[[bytes], T]]) -> tuple[Int64s, T | LineError]:
    path, begin, end, parse = task
    with path.open("rb") as file:
        file.seek(begin)
        return _parse(file.read(end - begin), begin, parse)


def _unpack(path: Path) -> Iterator[tuple[int, bytes]]:
    """Some whole lines of a gzipped file at a time, and where they begin."""
    begin = 0
    try:
        with gzip.open(path) as file:
            while text := file.read(PIECE_BYTES) + file.readline():
                yield begin, text
                begin += len(text)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked: {error}; download it again") from error


def _parse(text: bytes, begin: int, parse: Callable[[bytes], T]) -> tuple[Int64s, T | LineError]:
    """Where each line of a piece starts, and what they hold."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n")) + 1
    starts = np.concatenate([np.zeros(1, np.int64), ends if not text.endswith(b"\n") else ends[:-1]]) + begin
    try:
        return starts, parse(text)
    except LineError as fault:
        return starts, fault
