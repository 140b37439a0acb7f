"""Read what may be answered: predict_set.jsonl of the competition layout, candidate/ of the release layout."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from competitions.tencent.corpus import Bools, Int32s, Int64s, join_columns
from competitions.tencent.io.feature_encoding import LARGEST, ItemFeatures, encode_items, encode_numbers
from competitions.tencent.io.indexer import Indexer
from competitions.tencent.io.jsonl import decode_lines, read_lines
from competitions.tencent.io.schema import ITEM_FEATURES

ID: Any = Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
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
    folder = paths[0].parent
    try:
        frame = pl.concat([pl.read_parquet(path) for path in paths])
    except UNREADABLE as error:
        raise UserError(f"{folder} cannot be read: {describe_failure(error)}; download it again") from error
    oid_name = "item_id" if "item_id" in frame.columns else "creative_id"
    lacks = next((name for name in (oid_name, *ITEM_FEATURES) if name not in frame.columns), None)
    if lacks:
        raise UserError(f"{folder} lacks the column {lacks!r}; download it again")
    oid, retrieval, rid = (_integers(folder, frame, name) for name in (oid_name, "retrieval_id", "reid_creative_id"))
    features = np.stack(
        [_codes(folder, frame[name], size) for name, size in zip(ITEM_FEATURES, indexer.item_sizes, strict=True)],
        axis=1,
    )
    return _by_retrieval_id(folder, "row", _Candidates(oid, retrieval, np.maximum(rid, 0), features), indexer)


def _integers(folder: Path, frame: pl.DataFrame, name: str) -> Int64s:
    """A column of numbers, -1 where it has none."""
    if name not in frame.columns:
        return np.full(frame.height, -1, np.int64)
    column = _to_whole(frame[name])
    if name == "reid_creative_id":
        column = column.cast(pl.Int64, strict=False)  # unseen candidates may have a text
    if not column.dtype.is_integer():
        raise UserError(
            f"{folder}, column {name!r}: {column.dtype} where whole numbers are expected; download it again"
        )
    return column.cast(pl.Int64).fill_null(-1).to_numpy()


def _codes(folder: Path, column: pl.Series, size: int) -> Int32s:
    """Codes of a column of structs: a flag of cold values and the value as text; plain numbers are taken as well."""
    flag, value = _split(folder, _to_whole(column))
    value = _to_whole(value)
    number = value.cast(pl.Int64, strict=False) if value.dtype == pl.String else value.cast(pl.Int64)
    wrong = ~flag & value.is_not_null() & (number.is_null() | (number < 0)).fill_null(True)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise UserError(
            f"{folder}, row {row + 1}, feature {column.name}: {value[row]!r} is not marked as cold and no number of "
            f"the indexer; download it again"
        )
    return encode_numbers(number.set(flag & value.is_not_null(), LARGEST).fill_null(0).to_numpy(), size)


def _split(folder: Path, column: pl.Series) -> tuple[pl.Series, pl.Series]:
    if column.dtype.is_integer() or column.dtype == pl.Null:
        return pl.repeat(False, len(column), eager=True), column.cast(pl.Int64)
    names = [field.name for field in column.dtype.fields] if isinstance(column.dtype, pl.Struct) else []
    flags = [name for name in FLAGS if name in names]
    if not flags or "feature_value" not in names:
        raise UserError(
            f"{folder}, feature {column.name}: {column.dtype} where a struct of cold_start and feature_value is "
            f"expected; download it again"
        )
    flag = column.struct.field(flags[0]).cast(pl.Int64)  # or a truth value
    return (flag == 1).fill_null(False), column.struct.field("feature_value")


def _to_whole(column: pl.Series) -> pl.Series:
    """Whole numbers that pandas made doubles, NaN where one is null, as they were; anything else as it is."""
    if not column.dtype.is_float():
        return column
    column = column.fill_nan(None)
    return column.cast(pl.Int64) if (column == column.round()).all() else column


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
