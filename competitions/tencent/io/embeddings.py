"""Read multimodal embeddings, of every form that the host gives them in, into one float16 table by item."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from common.errors import UserError
from common.pipeline.progress import say
from competitions.tencent.corpus import Catalogue, Embedding, Halves, Int64s
from competitions.tencent.io.jsonl import LineError, decode_lines, read_lines
from competitions.tencent.io.parquet import Batch, numbers, read_batches
from competitions.tencent.io.pickles.safe_pickle import brief, read_pickle

Block = tuple[Int64s, Halves]
LARGEST = float(np.finfo(np.float16).max)
BLOCK_NUMBERS = 1 << 22  # vectors are taken so many numbers at a time
WIDE = 4_096  # the widest of the known ones, for the first block, before a vector has said it


class _Line(msgspec.Struct, gc=False):
    anonymous_cid: str | int
    emb: list[float] | None = None


LINE: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(_Line)


def read_embedding(paths: tuple[Path, ...], catalogue: Catalogue, name: str, into: Halves | None = None) -> Embedding:
    """Read the vectors of the catalogue's items; the last file wins where two have one.

    The first vector says how wide they are: what ``name`` says, such as 1024 in ``emb_82_1024``, is not true of every
    release, and is said where it is wrong. ``into``: zeros [rows, width] to fill, such as a mapped file; else memory. A
    vector of another width, or with a number that is not finite in float16, is refused; ids that the catalogue lacks
    are counted in a line of the log.
    """
    vectors = into
    order = np.argsort(catalogue.oid, kind="stable")
    ordered = catalogue.oid[order]
    filled, others = np.zeros(len(catalogue.oid), np.bool_), 0
    for path in paths:
        for oids, block in _read_blocks(path, None if vectors is None else vectors.shape[1]):
            if vectors is None:
                vectors = np.zeros((len(catalogue.oid), block.shape[1]), np.float16)
            if block.shape[1] != vectors.shape[1]:
                raise UserError(f"{path}: {_wrong_width(block.shape[1], vectors.shape[1])}; download it again")
            at = np.minimum(np.searchsorted(ordered, oids), len(ordered) - 1)
            known = (ordered[at] == oids) & (oids > 0)
            rows = order[at[known]]
            vectors[rows], filled[rows] = block[known], True
            others += int((~known).sum())
    named = read_width(name)
    if vectors is None:
        vectors = np.zeros((len(catalogue.oid), named or 1), np.float16)
    if named not in (None, vectors.shape[1]):
        say(f"  {name}: its vectors are {vectors.shape[1]:,} wide, whatever the name says")
    say(f"  {name}: {filled.sum():,} of {len(filled) - 1:,} items have a vector; {others:,} vectors are of other ids")
    return Embedding(name, vectors)


def read_width(name: str) -> int | None:
    """The width that a name ends in, None for a name without."""
    last = name.rpartition("_")[2]
    return int(last) if last.isascii() and last.isdigit() and int(last) else None


def _read_blocks(path: Path, width: int | None) -> Iterator[Block]:
    """Original ids and vectors of a file, block by block, in whichever form its suffix says; nothing without a vector.

    ``width``: None where the first vector of a block is to say it.
    """
    blocks = _choose_reader(path, width)
    return ((oids, block) for oids, block in blocks if len(block))


def _choose_reader(path: Path, width: int | None) -> Iterator[Block]:
    if path.suffix == ".pkl":
        return _read_pickled(path, width)
    if path.suffix == ".parquet":
        rows = max(BLOCK_NUMBERS // (width or WIDE), 1)
        return (_parse_batch(batch, width) for batch in read_batches((path,), ("anonymous_cid", "emb"), rows))
    return (piece.value for piece in read_lines(path, partial(parse_lines, width=width)))


def parse_lines(text: bytes, width: int | None) -> Block:
    """The ids and vectors of some whole lines; lines without a vector are left out. Raises ``LineError``."""
    lines = decode_lines(text, LINE)
    line_numbers = [number for number, line in enumerate(lines) if line.emb is not None]
    if width is None:
        width = len(lines[line_numbers[0]].emb) if line_numbers else 1
    for number in line_numbers:
        if len(lines[number].emb) != width:
            raise LineError(number, _wrong_width(len(lines[number].emb), width))
    oids = np.zeros(len(line_numbers), np.int64)
    for row, number in enumerate(line_numbers):
        oids[row] = _number(lines[number].anonymous_cid)
        if not oids[row]:
            raise LineError(number, f"{brief(lines[number].anonymous_cid)} is no original id")
    vectors = np.array([lines[number].emb for number in line_numbers], np.float64).reshape(-1, width)
    wrong = _find_infinite(vectors)
    if wrong is not None:
        raise LineError(line_numbers[wrong], _infinite())
    return oids, vectors.astype(np.float16)


def _number(text: object) -> int:
    """The original id, 0 where it is none; ids are texts or numbers."""
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    return int(text) if isinstance(text, (int, np.integer)) and 0 < text < 1 << 62 else 0


def _wrong_width(width_there: object, width: int) -> str:
    return f"a vector of width {width_there} where the first has {width}"


def _infinite() -> str:
    return f"a vector with a number that is not finite, or beyond {LARGEST:.0f} (float16)"


def _find_infinite(vectors: npt.NDArray[np.floating[Any]]) -> int | None:
    """The first row with NaN, infinity, or a number that float16 cannot hold."""
    wrong = ~(np.abs(vectors) <= LARGEST).all(axis=1)
    return int(np.argmax(wrong)) if wrong.any() else None


def _read_pickled(path: Path, width: int | None) -> Iterator[Block]:
    """``{id: vector}``; whatever is no array stands for a missing vector."""
    host = read_pickle(path)
    if not isinstance(host, dict):
        raise UserError(f"{path} holds a {type(host).__name__} where a dict of vectors is expected; download it again")
    vectors = ((key, value) for key, value in host.items() if isinstance(value, np.ndarray))
    while block := list(islice(vectors, max(BLOCK_NUMBERS // (width or WIDE), 1))):
        yield _parse_arrays(path, block, width)


def _parse_arrays(path: Path, block: list[tuple[object, Any]], width: int | None) -> Block:
    """The ids and vectors of some entries of a pickle."""
    width = max(block[0][1].size, 1) if width is None else width
    for key, value in block:
        if value.shape != (width,):
            raise UserError(f"{path}, id {brief(key)}: {_wrong_width(value.shape, width)}; download it again")
    oids = np.fromiter((_number(key) for key, _ in block), np.int64, len(block))
    if not oids.all():
        raise UserError(f"{path}: {brief(block[int(np.argmin(oids))][0])} is no original id; download it again")
    vectors = np.array([value for _, value in block], np.float64)
    wrong = _find_infinite(vectors)
    if wrong is not None:
        raise UserError(f"{path}, id {brief(block[wrong][0])}: {_infinite()}; download it again")
    return oids, vectors.astype(np.float16)


def _parse_batch(batch: Batch, width: int | None) -> Block:
    """The ids and vectors of some rows of a parquet file; rows without a vector are left out."""
    column = batch.columns["emb"]
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
    infinite = _find_infinite(vectors)
    if infinite is not None:
        batch.refuse(int(rows[infinite]), _infinite())
    return _oids(batch)[rows], vectors.astype(np.float16)


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
