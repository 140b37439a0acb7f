"""Read multimodal embeddings, of every form that the host gives them in, into one float16 table by item."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from common.engine.errors import UserError
from common.engine.progress import say
from competitions.tencent.corpus import Catalogue, Embedding, Halves, Int64s
from competitions.tencent.io.indexer import parse_id, to_dict
from competitions.tencent.io.jsonl import UNREADABLE, LineError, decode_lines, read_lines
from competitions.tencent.io.parquet import LIST, Batch, numbers, read_batches
from competitions.tencent.io.safe_pickle import brief, read_pickle
from competitions.tencent.narrowing import Narrower

Block = tuple[Int64s, Halves, int]  # original ids, their vectors, and how many entries are without one
Refuse = Callable[[int, str], NoReturn]  # refuses the entry at an index of a block
LARGEST = float(np.finfo(np.float16).max)
EMBEDDED = ("anonymous_cid", "emb")  # the columns of a parquet file of vectors
BLOCK_NUMBERS = 1 << 22  # vectors are taken so many numbers at a time
WIDE = 4_096  # the widest of the known ones, for the first block, before a vector has said it


class _Line(msgspec.Struct, gc=False):
    anonymous_cid: str | int
    emb: list[float] | dict[str, Any] | str | float | bool | None = None


LINE: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(_Line)
VECTOR = msgspec.json.Decoder(list[float])


def read_embedding(paths: tuple[Path, ...], catalogue: Catalogue, name: str) -> Embedding:
    """Read the vectors of the catalogue's items; the last file wins where two have one.

    The first vector says how wide they are: what ``name`` says, such as 1024 in ``emb_82_1024``, is not true of every
    release, and is said where it is wrong. Of wide ones the directions along which ads differ most are kept
    (``narrowing``). A vector of another width, or with a number that is not finite in float16, is refused; ids that the
    catalogue lacks and entries without a vector are counted in a line of the log.
    """
    order = np.argsort(catalogue.oid, kind="stable")
    table, narrower = _Table(catalogue.oid[order], order), Narrower()
    width, without, named = None, 0, read_width(name)
    for path in paths:
        for oids, block, missing in _read_blocks(path, width):
            without += missing
            if not len(block):
                continue
            width = width or block.shape[1]
            if block.shape[1] != width:
                raise UserError(f"{path}: {_wrong_width(block.shape[1], width)}; download it again")
            for ready in narrower.take(oids, block):
                table.put(*ready)
    for ready in narrower.rest():
        table.put(*ready)
    vectors = np.zeros((len(order), named or 1), np.float16) if table.vectors is None else table.vectors
    if width and named not in (None, width):
        say(f"  {name}: its vectors are {width:,} wide, whatever the name says")
    if width and vectors.shape[1] < width:
        say(f"  {name}: {vectors.shape[1]} of its {width:,} dimensions are kept, those along which ads differ most")
    say(
        f"  {name}: {table.filled.sum():,} of {len(order) - 1:,} items have a vector; {table.others:,} vectors are of"
        " other ids" + (f", {without:,} entries have no vector" if without else "")
    )
    return Embedding(name, vectors)


class _Table:
    """The vectors by row of the catalogue, as they come; ``others``: vectors of ids that it lacks."""

    def __init__(self, ordered: Int64s, rows: Int64s) -> None:
        """``ordered``: original ids, ascending, of these ``rows``."""
        self.ordered, self.rows, self.others = ordered, rows, 0
        self.filled = np.zeros(len(rows), np.bool_)
        self.vectors: Halves | None = None

    def put(self, oids: Int64s, block: Halves) -> None:
        """Set the vectors of these ids."""
        if self.vectors is None:
            self.vectors = np.zeros((len(self.rows), block.shape[1]), np.float16)
        at = np.minimum(np.searchsorted(self.ordered, oids), len(self.ordered) - 1)
        known = (self.ordered[at] == oids) & (oids > 0)
        rows = self.rows[at[known]]
        self.vectors[rows], self.filled[rows] = block[known], True
        self.others += int((~known).sum())


def read_width(name: str) -> int | None:
    """The width that a name ends in, None for a name without."""
    last = name.rpartition("_")[2]
    return int(last) if last.isascii() and last.isdigit() and int(last) else None


def _read_blocks(path: Path, width: int | None) -> Iterator[Block]:
    """The vectors of a file, block by block, whose form is known by its first bytes, else by its suffix.

    ``width``: None where the first vector of a block is to say it.
    """
    with path.open("rb") as file:
        head = file.read(4)
    rows = max(BLOCK_NUMBERS // (width or WIDE), 1)
    if path.suffix == ".pkl" or head[:1] == b"\x80":
        return _read_pickled(path, width, rows)
    if path.suffix == ".parquet" or head == b"PAR1":
        return (_parse_batch(batch, width) for batch in read_batches((path,), EMBEDDED, {"emb": LIST}, rows))
    return (piece.value for piece in read_lines(path, partial(parse_lines, width=width)))


def parse_lines(text: bytes, width: int | None) -> Block:
    """The vectors of some whole lines, blank ones among them. Raises ``LineError``."""
    lines = decode_lines(text, LINE, may_be_blank=True)
    vectors = [None if line is None else _to_list(line.emb) for line in lines]
    filled = [number for number, vector in enumerate(vectors) if vector is not None]

    def refuse(index: int, reason: str) -> NoReturn:
        raise LineError(filled[index], reason)

    keys = [lines[number].anonymous_cid for number in filled]
    oids, block = _build_block(keys, [vectors[number] for number in filled], width, refuse)
    return oids, block, sum(line is not None for line in lines) - len(filled)


def _to_list(value: object) -> list[float] | None:
    """A list, or the JSON text of one; anything else is no vector, as the organiser's own loader has it."""
    try:
        value = VECTOR.decode(value) if isinstance(value, str) else value
    except UNREADABLE:
        return None
    return value if isinstance(value, list) else None


def _read_pickled(path: Path, width: int | None, rows: int) -> Iterator[Block]:
    """``{id: vector}`` or pairs of them; what is neither an array nor a list of numbers is no vector."""
    entries = to_dict(str(path), read_pickle(path))
    keys, vectors = list(entries), list(map(_to_array, entries.values()))
    filled = [index for index, vector in enumerate(vectors) if vector is not None]
    yield np.empty(0, np.int64), np.empty((0, width or 1), np.float16), len(keys) - len(filled)
    for begin in range(0, len(filled), rows):
        chosen = filled[begin : begin + rows]

        def refuse(index: int, reason: str, chosen: Sequence[int] = chosen) -> NoReturn:
            raise UserError(f"{path}, id {brief(keys[chosen[index]])}: {reason}; download it again")

        parts = [keys[index] for index in chosen], [vectors[index] for index in chosen]
        yield *_build_block(*parts, width, refuse), 0


def _to_array(value: object) -> "np.ndarray[Any, Any] | None":
    if not isinstance(value, (np.ndarray, list, tuple)):
        return None
    try:
        array = np.asarray(value)
    except ValueError:  # lists of several lengths
        return None
    return array if array.ndim and array.dtype.kind in "fiu" else None


def _parse_batch(batch: Batch, width: int | None) -> Block:
    """The vectors of some rows of a parquet file: lists of numbers, or the JSON texts of them."""
    column = batch.columns["emb"]
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pa.array(map(_to_list, column.to_pylist()), pa.list_(pa.float64()))
    if not hasattr(column, "flatten") or not pa.types.is_floating(column.type.value_type):
        raise UserError(f"{batch.path}, emb: {column.type} where lists of numbers are expected; download it again")
    valid = pc.is_valid(column).to_numpy(zero_copy_only=False)
    lengths = numbers(batch.path, "emb", pc.list_value_length(column))
    if width is None:
        width = max(int(lengths[np.argmax(valid)]), 1) if valid.any() else 1
    wrong = valid & (lengths != width)
    batch.refuse_any(wrong, _wrong_width(lengths[np.argmax(wrong)] if len(lengths) else 0, width))
    flat = column.filter(pa.array(valid)).flatten()
    vectors = pc.fill_null(flat, np.nan).to_numpy(zero_copy_only=False).reshape(-1, width)
    rows = np.flatnonzero(valid)
    _refuse_infinite(vectors, lambda index, reason: batch.refuse(int(rows[index]), reason))
    return _oids(batch)[rows], vectors.astype(np.float16), int((~valid).sum())


def _build_block(
    keys: Sequence[object], values: Sequence[Any], width: int | None, refuse: Refuse
) -> tuple[Int64s, Halves]:
    """Lists or arrays as one table, checked."""
    width = width or (max(len(values[0]), 1) if values else 1)
    for index, value in enumerate(values):
        shape = getattr(value, "shape", None) or (len(value),)
        if shape != (width,):
            refuse(index, _wrong_width(shape[0] if len(shape) == 1 else shape, width))
    oids = np.fromiter(map(_number, keys), np.int64, len(keys))
    if not oids.all():
        wrong = int(np.argmin(oids != 0))
        refuse(wrong, f"{brief(keys[wrong])} is no original id")
    vectors = np.array(values, np.float64).reshape(-1, width)
    _refuse_infinite(vectors, refuse)
    return oids, vectors.astype(np.float16)


def _number(key: object) -> int:
    """The original id, 0 where it is none; ids are texts or numbers."""
    if isinstance(key, str):
        return parse_id(key)
    return int(key) if isinstance(key, (int, np.integer)) and 0 < key < 1 << 62 else 0


def _wrong_width(width_there: object, width: int) -> str:
    return f"a vector of width {width_there} where the first has {width}"


def _refuse_infinite(vectors: npt.NDArray[np.floating[Any]], refuse: Callable[[int, str], object]) -> None:
    """Refuse the first row with NaN, infinity, or a number that float16 cannot hold."""
    wrong = ~(np.abs(vectors) <= LARGEST).all(axis=1)
    if wrong.any():
        refuse(int(np.argmax(wrong)), f"a vector with a number that is not finite, or beyond {LARGEST:.0f} (float16)")


def _oids(batch: Batch) -> Int64s:
    column = batch.columns["anonymous_cid"]
    batch.refuse_any(pc.is_null(column).to_numpy(zero_copy_only=False), "no anonymous_cid")
    try:
        oids = numbers(batch.path, "anonymous_cid", pc.cast(column, pa.int64()))
    except pa.ArrowInvalid:
        oids = np.fromiter(map(_number, column.to_pylist()), np.int64, len(column))
    if len(oids) and oids.min() < 1:
        row = int(np.argmax(oids < 1))
        batch.refuse(row, f"{column[row].as_py()!r} is no original id")
    return oids
