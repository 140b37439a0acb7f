"""Read multimodal embeddings, of the three forms that the host gives them in, into one float16 table by item.

Vectors of thousands of numbers are projected to ``WIDEST`` while they are read: 4.8 million of 4,096 take 39 GB. Of all
directions those are kept along which vectors differ most, scaled towards one deviation (half a whitening: Su et al.
2021, "Whitening sentence representations"; a whole one gives noise the room of what tells ads apart). They are fitted
on the first ``SAMPLE`` vectors: ids are in no order of what ads are about.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.linalg import eigh

from common.arrays import Singles, lookup_rows
from common.engine.errors import UserError
from common.engine.progress import say
from competitions.tencent.corpus import Catalogue, Halves, Int64s
from competitions.tencent.io.indexer import parse_id
from competitions.tencent.io.jsonl import LineError, decode_lines, read_lines, refuse_any
from competitions.tencent.io.parquet_layout import Batch, read_batches, to_numpy
from competitions.tencent.io.safe_pickle import brief, read_pickle

Vectors = tuple[Int64s, Halves]  # original ids, their vectors
LARGEST = float(np.finfo(np.float16).max)
ROWS = 1 << 12  # vectors that are taken at a time: the widest have 4,096 numbers
WIDEST, SAMPLE = 128, 20_000  # numbers that are kept of wider vectors; vectors that say which
TINY = 1e-6
WRONG_WIDTH = "a vector with {} dimensions; the first has {}"


class _Line(msgspec.Struct, gc=False):
    anonymous_cid: str
    emb: list[float] | dict[str, Any] | str | float | bool | None = None


LINE: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(_Line)


def read_embedding(paths: tuple[Path, ...], catalogue: Catalogue, name: str) -> Halves:
    """Read the vectors of the catalogue's items, float16 [rows, dimensions], as the host stored them, all zero where an
    item has none; the last file wins where two have one.

    The first vector says how wide they are, whatever ``name`` says. Of wide ones the directions along which ads differ
    most are kept (``project``). A vector of another width, or with a number that is not finite in float16, is
    refused; ids that the catalogue lacks are counted in a line of the log.
    """
    order = np.argsort(catalogue.oid, kind="stable")
    ordered = catalogue.oid[order]
    others, filled = 0, np.zeros(len(order), np.bool_)
    vectors = np.zeros((len(order), 1), np.float16)
    for oids, block in project(read_blocks(paths), name):
        if not filled.any():
            vectors = np.zeros((len(order), block.shape[1]), np.float16)
        found = lookup_rows(ordered, oids)
        known = found > 0  # 0 is padding
        rows = order[found[known]]
        vectors[rows], filled[rows] = block[known], True
        others += int((~known).sum())
    say(f"  {name}: {filled.sum():,} of {len(order) - 1:,} items have a vector; {others:,} vectors are of other ids")
    return vectors


def read_blocks(paths: tuple[Path, ...]) -> Iterator[Vectors]:
    """The vectors of all files, whose form is known by their suffix. Refused: another width than that of the first."""
    width = 0
    for path in paths:
        blocks: Iterator[Vectors]
        if path.suffix == ".pkl":
            blocks = _read_pickled(path)
        elif path.suffix == ".parquet":
            blocks = read_batches((path,), ("anonymous_cid", "emb"), _parse_batch, ROWS)
        else:
            blocks = read_lines(path, parse_lines)
        for oids, block in blocks:
            if len(block):
                width = width or block.shape[1]
                if block.shape[1] != width:  # the vectors of a block are as wide as its first
                    raise UserError(f"{path}: {WRONG_WIDTH.format(block.shape[1], width)}; download it again")
                yield oids, block


def parse_lines(text: bytes) -> Vectors:
    """The vectors of some whole lines. An ``emb`` that is no list is no vector, as in the organiser's own loader.
    Raises ``LineError``.
    """
    lines = decode_lines(text, LINE)
    filled = [number for number, line in enumerate(lines) if isinstance(line.emb, list)]
    vectors = [lines[number].emb for number in filled]
    lengths, flat = np.array(list(map(len, vectors)), np.int64), np.fromiter(chain.from_iterable(vectors), np.float64)
    return _encode([lines[number].anonymous_cid for number in filled], lengths, flat, filled)


def _read_pickled(path: Path) -> Iterator[Vectors]:
    """``{id: array}``; None is no vector."""
    entries = {key: value for key, value in read_pickle(path).items() if value is not None}
    ids = list(entries)
    for begin in range(0, len(ids), ROWS):
        chosen = ids[begin : begin + ROWS]
        vectors = [entries[key] for key in chosen]
        # What is no row of numbers has no width that a vector could have.
        is_row = [isinstance(one, np.ndarray) and one.ndim == 1 and one.dtype.kind in "fiu" for one in vectors]
        lengths = np.array([len(one) if whole else 0 for one, whole in zip(vectors, is_row, strict=True)], np.int64)
        try:
            refuse_any(lengths == 0, "no vector of numbers")
            yield _encode(chosen, lengths, np.concatenate(vectors), range(len(chosen)))
        except LineError as error:
            index, reason = error.args
            raise UserError(f"{path}, id {brief(chosen[index])}: {reason}; download it again") from error


def _parse_batch(batch: Batch) -> Vectors:
    """The vectors of some rows of a parquet file."""
    column = batch.column("emb", pa.list_(pa.float64()))
    valid = pc.is_valid(column)
    rows = np.flatnonzero(valid)
    column = column.filter(valid)
    flat = pc.fill_null(column.flatten(), np.nan).to_numpy(zero_copy_only=False)
    lengths, ids = to_numpy(pc.list_value_length(column)), batch.column("anonymous_cid", pa.string()).filter(valid)
    return _encode(ids.to_pylist(), lengths, flat, rows.tolist())


def _encode(
    ids: Sequence[object], lengths: Int64s, flat: npt.NDArray[np.floating[Any]], rows: Sequence[int]
) -> Vectors:
    """Original ids, and vectors as one table; ``flat``: the vectors end to end; ``rows``: where they stand, for the
    ``LineError`` of one that is refused.
    """
    width = max(int(lengths[0]) if len(lengths) else 1, 1)
    refuse_any(lengths != width, WRONG_WIDTH.format("{}", width), rows, lengths)
    oids = np.fromiter((parse_id(one) if isinstance(one, str) else 0 for one in ids), np.int64, len(ids))
    if not oids.all():
        index = int(np.argmin(oids))
        raise LineError(rows[index], f"{brief(ids[index])} is not an original id")
    vectors = flat.reshape(-1, width)
    beyond = f"a vector with a number that is not finite, or beyond {LARGEST:.0f} (float16)"
    # Both sides: the least of whole numbers has itself as its absolute value.
    refuse_any(~np.all((vectors >= -LARGEST) & (vectors <= LARGEST), axis=1), beyond, rows)
    return oids, vectors.astype(np.float16)


def project(blocks: Iterable[Vectors], name: str) -> Iterator[Vectors]:
    """Blocks of vectors of one width as they come, no wider than ``WIDEST``: narrower ones stay as they are.

    Blocks are held until there are enough of them to fit the projection.
    """
    blocks, held, count = iter(blocks), [], 0
    for oids, vectors in blocks:
        if vectors.shape[1] <= WIDEST:
            yield oids, vectors
            continue
        held.append((oids, vectors))
        count += len(vectors)
        if count >= SAMPLE:
            break
    if held:
        sample = np.concatenate([vectors for _, vectors in held]).astype(np.float32)
        centre = sample.mean(0)
        directions = fit_directions(sample - centre)
        kept, width = directions.T.shape
        say(f"  {name}: {kept} of its {width:,} dimensions are kept (largest variance)")
        del sample
        for oids, vectors in chain(held, blocks):
            yield oids, ((vectors.astype(np.float32) - centre) @ directions).astype(np.float16)


def fit_directions(centred: Singles) -> Singles:
    """The ``WIDEST`` principal directions of vectors [vectors, dimensions], each divided by the root of the deviation
    along it; float32 [dimensions, at most ``WIDEST``].
    """
    width = centred.shape[1]
    covariance = centred.T @ centred / max(len(centred), 1)
    kept = (max(width - WIDEST, 0), width - 1)
    variance, directions = eigh(covariance, subset_by_index=kept, overwrite_a=True, check_finite=False)
    varies = variance > TINY * max(float(variance.max()), TINY)
    return np.asarray(directions[:, varies] / variance[varies] ** 0.25, np.float32)
