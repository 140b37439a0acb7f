"""Read large JSON files in pieces that end at line ends, in parallel processes; each piece comes back as arrays."""

import gc
import gzip
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from common.arrays import join
from common.engine.errors import UserError
from competitions.tencent.corpus import Int64s

T = TypeVar("T")
PIECE_BYTES = 1 << 24
# What decoding raises; RecursionError of brackets in thousands, even where they are skipped.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
PARALLEL_BYTES = 1 << 26  # below this, starting processes costs more than it saves


class LineError(Exception):
    """A line that cannot be read, by two arguments: its number in the piece, from 0, and why."""


def read_all_lines(path: Path, parse: Callable[[bytes], T]) -> tuple[Int64s, T]:
    """Where each line of a file starts, and all its lines; ``parse`` gives a dataclass whose fields are arrays."""
    pieces = list(read_lines(path, parse))
    if not pieces:
        raise UserError(f"{path} is empty (0 bytes); download it again")
    return np.concatenate([starts for starts, _ in pieces]), join([value for _, value in pieces])


def read_lines(path: Path, parse: Callable[[bytes], T]) -> Iterator[tuple[Int64s, T]]:
    """Apply ``parse`` to the bytes of some whole lines at a time; gives also the byte at which each line starts.

    The ``LineError`` of ``parse`` becomes a ``UserError``. ``parse`` must be importable, with its arguments bound by
    ``functools.partial``. A gzipped file is known by its first bytes, whatever its name, and read by this process only.
    """
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    lines = 0
    for starts, result in _unpack(path, parse) if is_gzip else _map_parallel(path, parse):
        if isinstance(result, LineError):
            line, reason = result.args
            raise UserError(f"{path}, line {lines + line + 1}: {reason}; correct the line or download the file again")
        yield starts, result
        lines += len(starts)


def _unpack(path: Path, parse: Callable[[bytes], T]) -> Iterator[tuple[Int64s, T | LineError]]:
    begin = 0
    try:
        with gzip.open(path) as file:
            while text := file.read(PIECE_BYTES) + file.readline():
                yield _parse(text, begin, parse)
                begin += len(text)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked: {error}; download it again") from error


def _map_parallel(path: Path, parse: Callable[[bytes], T]) -> Iterator[tuple[Int64s, T | LineError]]:
    """Pieces in their order; in this process where the file is small."""
    pieces, size = list(_find_pieces(path)), path.stat().st_size
    workers = min(os.cpu_count() or 1, len(pieces))
    if workers < 2 or size < PARALLEL_BYTES:
        yield from (_read_piece(path, piece, parse) for piece in pieces)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        pending: deque[Future[tuple[Int64s, T | LineError]]] = deque()
        try:
            for piece in pieces:
                if len(pending) == 2 * workers:  # so that no more pieces are held
                    yield pending.popleft().result()
                pending.append(pool.submit(_read_piece, path, piece, parse))
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise UserError("a process that reads was ended from outside, likely for lack of memory") from error


def _find_pieces(path: Path) -> Iterator[tuple[int, int]]:
    """Where pieces of some whole lines begin and end."""
    begin, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while begin < size:
            file.seek(min(begin + PIECE_BYTES, size))
            file.readline()
            yield begin, file.tell()
            begin = file.tell()


def _read_piece(path: Path, piece: tuple[int, int], parse: Callable[[bytes], T]) -> tuple[Int64s, T | LineError]:
    begin, end = piece
    with path.open("rb") as file:
        file.seek(begin)
        return _parse(file.read(end - begin), begin, parse)


def _parse(text: bytes, begin: int, parse: Callable[[bytes], T]) -> tuple[Int64s, T | LineError]:
    """Where each line of a piece starts, and what they hold."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n")) + 1
    starts = np.concatenate([np.zeros(1, np.int64), ends if not text.endswith(b"\n") else ends[:-1]]) + begin
    try:
        return starts, parse(text)
    except LineError as fault:
        return starts, fault


def decode_lines(text: bytes, decoder: "msgspec.json.Decoder[Any]", may_be_blank: bool = False) -> list[Any]:
    """One value a line, None where it is blank and may be; ``LineError`` at the first line that is no JSON or not of
    the decoder's type.
    """
    was_on = gc.isenabled()
    gc.disable()  # it would walk millions of fresh tuples, four times the time of decoding
    try:
        rows: list[Any] = decoder.decode_lines(text)
    except UNREADABLE:
        rows = []
    finally:
        if was_on:
            gc.enable()
    if len(rows) == text.count(b"\n") + (not text.endswith(b"\n")):
        return rows
    rows = []  # one line is wrong, or the decoder has skipped a blank one
    for number, line in enumerate(text.removesuffix(b"\n").split(b"\n")):
        try:
            rows.append(None if may_be_blank and not line.strip() else decoder.decode(line))
        except UNREADABLE as error:
            raise LineError(number, f"{error}" if line.strip() else "the line is blank") from error
    return rows
