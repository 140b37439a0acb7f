"""Read the candidates: predict_set.jsonl of the competition layout, candidate/ of the release layout."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Int32s, Int64s, join_columns
from competitions.tencent.io.feature_encoding import LARGEST, ItemFeatures, encode_items, encode_numbers
from competitions.tencent.io.indexer import Indexer
from competitions.tencent.io.jsonl import decode_lines, read_lines
from competitions.tencent.io.parquet import STRUCT, Batch, numbers, open_table, read_batches
from competitions.tencent.io.schema import ITEM_FEATURES

ID: Any = Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
RETRIEVAL, REID = "retrieval_id", "reid_creative_id"
FLAGS = ("cold_start", "is_str")  # of the release layout and of its older files


class _Line(msgspec.Struct, gc=False):
    creative_id: ID
    features: ItemFeatures | None = None
    retrieval_id: Annotated[int, msgspec.Meta(ge=0, le=LARGEST)] | None = None
    reid_creative_id: int | str | None = None


LINE: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(_Line)


@dataclass(frozen=True)
class CandidateTable:
    """Candidates by retrieval id: ``oid``, ``rids`` int64 [candidates], ``features`` int32 [candidates, 13] as codes.

    ``rids`` is 0 where the indexer lacks the item.
    """

    oid: Int64s
    rids: Int64s
    features: Int32s


@dataclass(frozen=True)
class _Candidates:
    """Candidates in file order; ``retrieval`` -1 where the file has none, ``rid`` 0 where the file has none."""

    oid: Int64s
    retrieval: Int64s
    rid: Int64s
    features: Int32s


def read_candidate_lines(path: Path, indexer: Indexer) -> CandidateTable:
    """Read predict_set.jsonl; without retrieval ids, the position in the file is the id."""
    parts = [piece.value for piece in read_lines(path, partial(parse_candidates, sizes=indexer.item_sizes))]
    if not parts:
        raise UserError(f"{path} is empty (0 bytes); download it again")
    return _by_retrieval_id(path, "line", join_columns(parts), indexer)


def parse_candidates(text: bytes, sizes: tuple[int, ...]) -> _Candidates:
    """The candidates of some whole lines. Raises ``LineError``."""
    lines = decode_lines(text, LINE)
    no_features = ItemFeatures()
    rids = (line.reid_creative_id for line in lines)  # unseen candidates may have a text
    return _Candidates(
        oid=np.array([line.creative_id for line in lines], np.int64),
        retrieval=np.array([-1 if line.retrieval_id is None else line.retrieval_id for line in lines], np.int64),
        rid=np.array([rid if isinstance(rid, int) and 0 < rid < LARGEST else 0 for rid in rids], np.int64),
        features=encode_items([line.features or no_features for line in lines], sizes),
    )


def read_candidate_tables(paths: tuple[Path, ...], indexer: Indexer) -> CandidateTable:
    """Read the parquet files of candidate/; the older ones call the id ``creative_id``."""
    there = open_table(paths[0]).schema_arrow.names
    oid_name = "item_id" if "item_id" in there else "creative_id"
    names = (oid_name, *ITEM_FEATURES, *(name for name in (RETRIEVAL, REID) if name in there))
    batches = read_batches(paths, names, dict.fromkeys(ITEM_FEATURES, STRUCT))
    parts = [_parse_batch(batch, oid_name, indexer.item_sizes) for batch in batches]
    if not parts:
        raise UserError(f"{paths[0].parent} holds no candidate; download it again")
    return _by_retrieval_id(paths[0].parent, "row", join_columns(parts), indexer)


def _parse_batch(batch: Batch, oid_name: str, sizes: tuple[int, ...]) -> _Candidates:
    columns = {name: batch.columns.get(name, pa.nulls(batch.rows)) for name in (oid_name, RETRIEVAL, REID)}
    oid, retrieval = (numbers(batch.path, name, columns[name], -1) for name in (oid_name, RETRIEVAL))
    rid = _to_whole(pl.Series(columns[REID])).fill_null(0)  # unseen candidates may have a text
    features = [_codes(batch, name, size) for name, size in zip(ITEM_FEATURES, sizes, strict=True)]
    return _Candidates(oid, retrieval, np.maximum(rid.to_numpy(), 0), np.stack(features, axis=1))


def _codes(batch: Batch, name: str, size: int) -> Int32s:
    """Codes of a column of structs: a flag of cold values and the value as text; plain numbers are taken as well."""
    column = batch.columns[name]
    if not pa.types.is_struct(column.type):
        return encode_numbers(numbers(batch.path, f"feature {name}", column), size)
    fields = pl.Series(column).struct.unnest()
    flags = [flag for flag in FLAGS if flag in fields.columns]
    if not flags or "feature_value" not in fields.columns:
        raise UserError(
            f"{batch.path}, feature {name}: {column.type} where a struct of cold_start and feature_value is "
            f"expected; download it again"
        )
    value = fields["feature_value"]
    number = _to_whole(value)
    filled = value.is_not_null() & value.cast(pl.String).ne("NaN").fill_null(True)
    cold = (_to_whole(fields[flags[0]]) == 1).fill_null(False)  # or a truth value
    wrong = (~cold & filled & (number.is_null() | (number < 0)).fill_null(True)).to_numpy()
    reason = f"feature {name}: {value[int(np.argmax(wrong))]!r} is not marked as cold and no number of the indexer"
    batch.refuse_any(wrong, reason)
    return encode_numbers(number.set(cold & filled, LARGEST).fill_null(0).to_numpy(), size)


def _to_whole(values: pl.Series) -> pl.Series:
    """As Int64; null for a text that is no number, the NaN that pandas writes for null, and a fraction."""
    whole = values.cast(pl.Int64, strict=False)
    return whole.set(whole != values, None) if values.dtype.is_float() else whole


def _by_retrieval_id(path: Path, word: str, candidates: _Candidates, indexer: Indexer) -> CandidateTable:
    """Order the candidates by retrieval id; refuses ids that are not 0..N-1 and original ids that repeat."""
    count = len(candidates.oid)
    if not count:
        raise UserError(f"{path} holds no candidate; download it again")
    retrieval = np.arange(count) if (candidates.retrieval < 0).all() else candidates.retrieval
    wrong = (retrieval < 0) | (retrieval >= count)
    _refuse(path, word, wrong, retrieval, f"retrieval id {{}} is not one of 0..{count - 1}, the number of candidates")
    _refuse(path, word, _repeated(retrieval), retrieval, "retrieval id {} was given to another candidate before")
    _refuse(path, word, candidates.oid < 1, candidates.oid, "{} is no original id of a candidate")
    _refuse(path, word, _repeated(candidates.oid), candidates.oid, "candidate {} stands there a second time")
    rids = indexer.items_of(candidates.oid)
    differs = (candidates.rid > 0) & (rids > 0) & (rids != candidates.rid)
    _refuse(path, word, differs, candidates.oid, "candidate {} has another re-id than the indexer gives it")
    order = np.argsort(retrieval)
    return CandidateTable(candidates.oid[order], rids[order], candidates.features[order])


def _repeated(values: Int64s) -> Bools:
    """Which values occurred before."""
    fresh = np.zeros(len(values), np.bool_)
    fresh[np.unique(values, return_index=True)[1]] = True
    return ~fresh


def _refuse(path: Path, word: str, wrong: Bools, values: Int64s, reason: str) -> None:
    if wrong.any():
        index = int(np.argmax(wrong))
        raise UserError(f"{path}, {word} {index + 1}: {reason.format(values[index])}; download the file again")
