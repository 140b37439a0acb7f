"""Read the release layout as raw tables: parquet folders, one of sequences of users who train and are the queries.

Files are read batch by batch, with the number of the row in every refusal.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common.engine.errors import UserError
from competitions.tencent.corpus import Int32s, Int64s, RawFiles
from competitions.tencent.io import schema
from competitions.tencent.io.encoder import UNKNOWN, RawCandidates, RawSequences, clip
from competitions.tencent.io.indexer import Indexer
from competitions.tencent.io.jsonl import LineError, join_parts, refuse_any
from competitions.tencent.io.schema import ITEM_FEATURES

T = TypeVar("T")
BATCH_ROWS = 1 << 16
EVENT = ("item_id", "action_type", "timestamp")
EVENTS = pa.list_(pa.struct([(name, pa.int64()) for name in EVENT]))
# A feature of a candidate: whether it is cold, its value. Older files call the flag is_str, and the id creative_id.
CELL, OLDER_CELL = (
    pa.struct([(flag, pa.int64()), ("feature_value", pa.string())]) for flag in ("cold_start", "is_str")
)
OLDER = {"item_id": "creative_id"}


@dataclass(frozen=True)
class Batch:
    """Some rows of a file."""

    path: Path
    table: Any

    def column(self, name: str, kind: Any) -> Any:
        """A column as an arrow type; refused where it cannot be cast, or lacks a field of a struct."""
        column = self.table.column(name)
        reason = ""
        try:
            if _list_fields(kind) <= _list_fields(column.type):
                return column.cast(kind)
        except pa.ArrowException as error:
            reason = f" ({str(error).splitlines()[0]})"
        raise UserError(
            f"{self.path}, column {name!r}: {column.type} where {kind} is expected{reason}; download it again"
        )

    def numbers(self, name: str, missing: int = 0) -> Int64s:
        """A column of whole numbers, ``missing`` where null."""
        return to_numpy(self.column(name, pa.int64()), missing)

    def rids(self, name: str, known: int, what: str) -> Int64s:
        """A column of re-ids, of which the indexer has 1..``known``."""
        rids = self.numbers(name, -1)
        refuse_any(rids == -1, f"no {name}")
        reason = f"{name} {{}} is not one of the indexer's {known} {what}"
        refuse_any((rids < 1) | (rids > known), reason, values=rids)
        return rids


def _list_fields(kind: Any) -> set[str]:
    """The fields of a struct, or of a list of structs."""
    kind = getattr(kind, "value_type", kind)
    return {field.name for field in kind} if pa.types.is_struct(kind) else set()


def to_numpy(column: Any, missing: int = 0) -> Int64s:
    """An arrow column of whole numbers, ``missing`` where null."""
    values: Int64s = pc.fill_null(column, missing).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return values


def read_batches(
    paths: tuple[Path, ...], names: tuple[str, ...], parse: Callable[[Batch], T], rows: int = 0
) -> Iterator[T]:
    """Apply ``parse`` to columns of the files in their order, ``rows`` or ``BATCH_ROWS`` at a time; its ``LineError``
    becomes a ``UserError``. Refused: a file that lacks a column.
    """
    for path in paths:
        first = 0
        try:
            file = pq.ParquetFile(path)
            held = file.schema_arrow.names
            stored = [OLDER[name] if name not in held and OLDER.get(name) in held else name for name in names]
            for name in stored:
                if (count := held.count(name)) != 1:
                    raise UserError(f"{path} has {count} columns {name!r} where one is expected; download it again")
            for batch in file.iter_batches(rows or BATCH_ROWS, columns=stored):
                yield parse(Batch(path, batch.select(stored).rename_columns(list(names))))
                first += batch.num_rows
        except LineError as error:
            row, reason = error.args
            raise UserError(f"{path}, row {first + row + 1}: {reason}; download the file again") from error
        except (pa.ArrowException, OSError) as error:
            reason = f"no parquet file, or a damaged one ({str(error).splitlines()[0]})"
            raise UserError(f"{path}, behind row {first}: {reason}; download it again") from error


def read_items(files: RawFiles, indexer: Indexer) -> Iterator[tuple[Int64s, Int32s]]:
    """Re-ids and features of item_feat/."""

    def parse(batch: Batch) -> tuple[Int64s, Int32s]:
        features = np.stack([batch.numbers(name) for name in ITEM_FEATURES], axis=1)
        for at, name in enumerate(ITEM_FEATURES):
            refuse_any(features[:, at] < 0, f"feature {name} is negative")
        return batch.rids("item_id", indexer.known, "items"), clip(features)

    return read_batches(files.files["items"], ("item_id", *ITEM_FEATURES), parse)


def read_candidates(files: RawFiles) -> RawCandidates:
    """Read candidate/."""

    def parse(batch: Batch) -> RawCandidates:
        features = [_candidate_values(batch, name) for name in ITEM_FEATURES]
        return RawCandidates(batch.numbers("item_id", -1), np.stack(features, axis=1))

    paths = files.files["candidates"]
    return join_parts(read_batches(paths, ("item_id", *ITEM_FEATURES), parse), f"{paths[0].parent} has no candidate")


def _candidate_values(batch: Batch, name: str) -> Int32s:
    """The values of a column of structs: numbers of the indexer as texts, or cold texts that the indexer lacks."""
    older = "is_str" in str(batch.table.column(name).type)
    fields = pl.Series(batch.column(name, OLDER_CELL if older else CELL)).struct.unnest()
    value, cold = fields["feature_value"], (fields.to_series(0) == 1).fill_null(False)
    number = value.cast(pl.Int64, strict=False)
    wrong = (~cold & value.is_not_null() & (number.is_null() | (number < 0)).fill_null(True)).to_numpy()
    refuse_any(wrong, f"feature {name}: {{!r}} is not marked as cold and no number of the indexer", values=value)
    return clip(number.set(cold & value.is_not_null(), UNKNOWN).fill_null(0).to_numpy())


def read_users(files: RawFiles, role: str, indexer: Indexer) -> RawSequences:
    """Read seq/."""
    paths, parse = files.files[role], partial(_parse_users, indexer=indexer)
    return join_parts(read_batches(paths, ("user_id", "seq"), parse), f"{paths[0].parent} has no event")


def _parse_users(batch: Batch, indexer: Indexer) -> RawSequences:
    rids = batch.rids("user_id", indexer.users, "users")
    column = batch.column("seq", EVENTS)
    lengths = to_numpy(pc.list_value_length(column))
    rows = np.repeat(np.arange(len(lengths)), lengths)
    item, action, time = (to_numpy(events, -1) for events in column.flatten().flatten())
    for wrong, reason in (
        ((item < 1) | (item > indexer.known), f"an item that is not one of the indexer's {indexer.known}"),
        ((time < 0) | (time > schema.MAX_SECONDS), "an event without a time, or with one that is no time in seconds"),
        ((action < schema.NULL_ACTION) | (action > schema.CONVERSION), "an action that is not 0, 1, 2 or null"),
    ):
        refuse_any(wrong, reason, rows)
    return RawSequences(
        rid=rids,
        name=np.zeros(len(rids), "S1"),
        lengths=lengths,
        item=item.astype(np.int32),
        action=action.astype(np.int8),
        time=time,
        new_oid=np.empty(0, np.int64),
        new_features=np.empty((0, len(ITEM_FEATURES)), np.int32),
    )
