"""A log in the release layout, with the host's kinds of numbers, which say nothing of the source's order.

An ad that stands in a history is known: it has a re-id from 1, and the values of its features have codes. A candidate
that nobody saw has its original id alone, and values that no known ad has are cold: they have no code. Files are
written batch by batch, so that memory does not grow.
"""

import json
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from common.arrays import Ints, Singles, expand_spans
from common.day.hosts import TRUTH
from competitions.tencent.corpus import number_rows
from competitions.tencent.io import schema
from competitions.tencent.io.schema import CREATIVE, ITEM_FEATURES, NULL_ACTION

Codes = NDArray[np.int32]

SEED = 0  # of the numbers: sets number items by first appearance, which would give targets away
FIRST_OID, FIRST_VALUE = 20_000_000_000, 1_000_000_000
SPREAD = 3  # original ids are taken from a range that is so many times as long
PART = "train-00000-of-00001.parquet"
ROWS = 100_000  # of a table written at once
WRITTEN = {*schema.RELEASE_FOLDERS.values(), schema.RELEASE_USERS, schema.RELEASE_EMBEDDINGS, schema.INDEXER}


@dataclass(frozen=True)
class Numbers:
    """Entry r of ``ads``, ``oid`` and ``code`` is the item of re-id r + 1; behind the known ones the unseen ones.

    ``row`` by item: its entry, -1 for none. ``code`` (ads, 13): 0 missing, 1..size, -1 cold. ``values``: by feature,
    the original value of every code from 1. ``candidates``: rows in retrieval order; ``original`` (candidates, 13):
    their original values, 0 where one is missing.
    """

    ads: Ints
    known: int
    row: Codes
    oid: Ints
    code: Codes
    values: dict[str, Ints]
    candidates: Ints
    original: Ints


@dataclass(frozen=True)
class PublicLog:
    """Users and items are numbers from 0; ``items`` are the source's own numbers of the items.

    ``events``: user, item, action, time (seconds), by user, oldest first: what may be seen. ``target``: an item by
    user, -1 for none. ``candidates``: items, ascending. ``attributes`` (items, 13): codes from 0 in the order of
    ``schema``, -1 for none. ``target_time`` (seconds) and ``target_action`` by user: None where they are not known; the
    host says the actions (round 2). The host's features of users are left out: nothing reads them.
    """

    name: str
    items: pl.Series
    events: pl.DataFrame
    target: Ints
    candidates: Ints
    attributes: Codes
    target_time: Ints | None = None
    target_action: NDArray[np.int8] | None = None

    @cached_property
    def numbers(self) -> Numbers:
        """The host-like numbers of its items: original ids and values are drawn without regard to anything."""
        rng = np.random.default_rng([61, SEED])
        shown = np.zeros(len(self.items), bool)
        shown[self.events["item"].to_numpy()] = True
        known, unseen = rng.permutation(np.flatnonzero(shown)), self.candidates[~shown[self.candidates]]
        ads = np.append(known, rng.permutation(unseen))
        row = number_rows(ads, len(self.items))
        candidates = row[rng.permutation(self.candidates)].astype(np.int64)
        code = np.empty((len(ads), len(ITEM_FEATURES)), np.int32)
        original, values = np.empty((len(candidates), len(ITEM_FEATURES)), np.int64), {}
        for at, name in enumerate(ITEM_FEATURES):
            column = self.attributes[ads, at]
            code[:, at], value, values[name] = _number_values(column, len(known), rng)
            original[:, at] = value[column[candidates]]
        return Numbers(
            ads, len(known), row, FIRST_OID + draw_distinct(len(ads), rng), code, values, candidates, original
        )

    def count(self) -> dict[str, int]:
        """How large its parts are."""
        numbers = self.numbers
        return {
            "users": len(self.target),
            "events": self.events.height,
            "items": numbers.known,
            "candidates": len(self.candidates),
            "unseen candidates": int((numbers.candidates >= numbers.known).sum()),
            "truth": int((self.target >= 0).sum()),
        }


def draw_distinct(count: int, rng: np.random.Generator) -> Ints:
    """Different numbers below ``SPREAD * count``, in a random order."""
    steps = rng.integers(1, SPREAD + 1, count)
    return rng.permutation(np.cumsum(steps) - 1)


def _number_values(column: Codes, known: int, rng: np.random.Generator) -> tuple[Codes, Ints, Ints]:
    """Codes of a column; the original value of every value in it, 0 behind them; that of every code from 1."""
    size = int(column.max(initial=-1)) + 1
    original = FIRST_VALUE + draw_distinct(size, rng)
    is_used = np.zeros(size, bool)
    is_used[column[:known][column[:known] >= 0]] = True
    used = rng.permutation(np.flatnonzero(is_used))
    code = np.full(size + 1, -1, np.int32)
    code[used] = np.arange(1, len(used) + 1)
    code[-1] = 0
    return code[column], np.append(original, 0), original[used]


def write_release(folder: Path, log: PublicLog) -> None:
    """Write the release layout and the truth. Users are numbered anew, without regard to the order of the source."""
    rng, numbers = np.random.default_rng([80, SEED]), log.numbers
    order = rng.permutation(len(log.target))  # by re-id less one, the user
    names = [f"user_{1 + number:08d}" for number in draw_distinct(len(order), rng).tolist()]
    tables = {
        schema.RELEASE_SEQUENCES: _sequence_tables(log, order),
        schema.RELEASE_ITEMS: _item_tables(numbers),
        schema.RELEASE_CANDIDATES: [_candidate_table(numbers)],
    }
    write_tables(folder, tables)
    _write_indexer(folder / schema.INDEXER, numbers, names)
    _write_truth(folder, log, order, names)


def write_embedding(folder: Path, name: str, blocks: Iterable[tuple[Ints, Singles]]) -> None:
    """Write blocks of original ids and their vectors."""
    write_tables(folder, {f"{schema.RELEASE_EMBEDDINGS}/{name}_parquet": map(_embedding_table, blocks)})


def _embedding_table(block: tuple[Ints, Singles]) -> pa.Table:
    oids, vectors = block
    offsets = pa.array(np.arange(len(oids) + 1, dtype=np.int32) * vectors.shape[1])
    emb = pa.ListArray.from_arrays(offsets, pa.array(vectors.reshape(-1)))
    return pa.table({"anonymous_cid": pa.array([str(oid) for oid in oids.tolist()]), "emb": emb})


def write_tables(folder: Path, tables: Mapping[str, Iterable[pa.Table]]) -> None:
    """Write folders of the release layout; tables become row groups of one file."""
    for name, groups in tables.items():
        (folder / name).mkdir(parents=True)
        writer = None
        for table in groups:
            writer = writer or pq.ParquetWriter(folder / name / PART, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _sequence_tables(log: PublicLog, order: Ints) -> Iterator[pa.Table]:
    lengths = np.bincount(log.events["user"].to_numpy(), minlength=len(order))
    first = np.cumsum(lengths) - lengths
    item, action, time = (log.events[name].to_numpy() for name in ("item", "action", "time"))
    for start in range(0, len(order), ROWS):
        users = order[start : start + ROWS]
        many = lengths[users]
        at = expand_spans(first[users], many)[0]
        columns = [
            pa.array(log.numbers.row[item[at]].astype(np.int64) + 1),
            pa.array(action[at].astype(np.int32), mask=action[at] == NULL_ACTION),
            pa.array(time[at].astype(np.int64)),
        ]
        events = pa.StructArray.from_arrays(columns, ["item_id", "action_type", "timestamp"])
        lists = pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(many)).astype(np.int32)), events)
        yield pa.table({"user_id": pa.array(start + 1 + np.arange(len(users))), "seq": lists})


def _item_tables(numbers: Numbers) -> Iterator[pa.Table]:
    """The features of known ads by re-id."""
    for start in range(0, numbers.known, ROWS):
        code = numbers.code[start : min(start + ROWS, numbers.known)].astype(np.int64)
        columns = {name: pa.array(code[:, at], mask=code[:, at] == 0) for at, name in enumerate(ITEM_FEATURES)}
        yield pa.table({"item_id": pa.array(start + 1 + np.arange(len(code))), **columns})


def _candidate_table(numbers: Numbers) -> pa.Table:
    """Candidates by retrieval id; a missing feature is no null, but a struct without a value."""
    at = numbers.candidates
    columns = {"item_id": pa.array(numbers.oid[at]), "retrieval_id": pa.array(np.arange(len(at), dtype=np.int32))}
    for feature, name in enumerate(ITEM_FEATURES):
        code = numbers.code[at, feature]
        value = pl.Series(np.where(code < 0, numbers.original[:, feature], code)).cast(pl.String)
        fields = [
            pa.array((code < 0).astype(np.int64)),
            value.set(pl.Series(code == 0), None).to_arrow().cast(pa.string()),
        ]
        columns[name] = pa.StructArray.from_arrays(fields, ["cold_start", "feature_value"])
    return pa.table(columns)


def _write_indexer(path: Path, numbers: Numbers, names: list[str]) -> None:
    """Re-ids of items and users, codes of feature values, each from 1 in the order given."""
    items, users = _number_from_one(numbers.oid[: numbers.known].tolist()), _number_from_one(names)
    values = {name: _number_from_one(drawn.tolist()) for name, drawn in numbers.values.items()}
    values[CREATIVE] = items
    with path.open("wb") as file:
        pickle.dump({"i": items, "u": users, "f": {name: values[name] for name in sorted(values)}}, file, protocol=4)


def _number_from_one(keys: Sequence[Any]) -> dict[Any, int]:
    """Keys in their order, numbered as the host numbers: 0 is padding."""
    return dict(zip(keys, range(1, len(keys) + 1), strict=True))


def _write_truth(folder: Path, log: PublicLog, order: Ints, names: list[str]) -> None:
    """truth.csv: a row for each user with a target, with what else is known of it; where actions are, the host's file
    of them. ``user_id`` is the re-id.
    """
    rids = np.flatnonzero(log.target[order] >= 0)
    users = order[rids]
    truth = {
        "user_id": rids + 1,
        "user": [names[rid] for rid in rids.tolist()],
        "creative_id": log.numbers.oid[log.numbers.row[log.target[users]]],
    }
    for name, known in (("action", log.target_action), ("timestamp", log.target_time)):
        if known is not None:
            truth[name] = known[users]
    pl.DataFrame(truth).write_csv(folder / TRUTH)
    if log.target_action is not None:
        actions = dict(zip(names, log.target_action[order].tolist(), strict=True))
        (folder / schema.USER_ACTIONS).write_text(json.dumps(actions), encoding="utf-8")
