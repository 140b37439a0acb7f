"""Read large JSON files in pieces that end at line ends; each piece comes back as arrays."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec
import numpy as np
import polars as pl

from common.arrays import join
from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Int64s

T = TypeVar("T")
Entries: TypeAlias = Sequence[Any] | Int64s | pl.Series
PIECE_BYTES = 1 << 24
# What decoding raises; RecursionError of brackets in thousands, even where they are skipped.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class LineError(Exception):
    """A line or row that cannot be read, by two arguments: its number in the piece, from 0, and why."""


def refuse_any(wrong: Bools, reason: str, lines: Entries = (), values: Entries = ()) -> None:
    """``LineError`` at the first entry that is ``wrong``; a ``{}`` of the reason is its value. ``lines``: where the
    entries stand, by default each in a line of its own.
    """
    if np.any(wrong):
        at = int(np.argmax(wrong))
        raise LineError(int(lines[at]) if len(lines) else at, reason.format(*values[at : at + 1]))


def join_parts(parts: Iterable[T], empty: str) -> T:
    """Dataclasses whose fields are arrays, end to end; refused as ``empty`` where there are none."""
    listed = list(parts)
    if not listed:
        raise UserError(f"{empty}; download it again")
    return join(listed)


def read_lines(path: Path, parse: Callable[[bytes], T]) -> Iterator[T]:
    """Apply ``parse`` to the bytes of some whole lines at a time; its ``LineError`` becomes a ``UserError``."""
    lines = 0
    try:
        with path.open("rb") as file:
            while text := file.read(PIECE_BYTES) + file.readline():
                yield parse(text)
                lines += text.count(b"\n")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}; download it again") from error
    except LineError as error:
        line, reason = error.args
        raise UserError(
            f"{path}, line {lines + line + 1}: {reason}; correct the line or download the file again"
        ) from error


def decode_lines(text: bytes, decoder: "msgspec.json.Decoder[Any]") -> list[Any]:
    """One value a line; ``LineError`` at the first line that is no JSON or not of the decoder's type."""
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
            rows.append(decoder.decode(line))
        except UNREADABLE as error:
            raise LineError(number, f"{error}" if line.strip() else "the line is blank") from error
    return rows
