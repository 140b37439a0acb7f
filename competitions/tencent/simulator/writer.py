"""Write what both layouts share, and the release layout: parquet files batch by batch, so that memory does not grow.

Users are numbered in the order they were drawn, which says nothing of them.
"""

import json
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from competitions.tencent.io import schema
from competitions.tencent.io.schema import CREATIVE, ITEM_FEATURES, NULL_ACTION, USER_FEATURES, USER_LISTS
from competitions.tencent.simulator.ad_features import EMBEDDING, NULL_SHARE, lack_embedding
from competitions.tencent.simulator.id_assignment import FIRST_USER_VALUE, Numbers, draw_distinct
from competitions.tencent.simulator.topics import Bools, Codes, Ints, Singles
from competitions.tencent.simulator.user_features import SIZES, Profile
from competitions.tencent.simulator.users import Users

PART = "train-00000-of-00001.parquet"
ROWS = 100_000  # of a table written at once


@dataclass(frozen=True)
class UserBatch:
    """Some users as they are written: the first one's number, themselves, their ads (users, events), their features,
    how the predict file names them as JSON, how many of them, the first ones, are in the log.
    """

    start: int
    users: Users
    past: Codes
    profile: dict[str, Profile]
    labels: list[str]
    known: int


@dataclass(frozen=True)
class EmbeddingBlock:
    """Embeddings of the numbered ads in their order, block by block: rows, vectors, which lack one, which are null.

    An ad that lacks its embedding is left out of the files, or stands there with null.
    """

    rows: Ints
    vectors: Singles
    missing: Bools
    null: Bools


def embed_ads(
    numbers: Numbers, shown: Ints, row: Callable[[Ints], Singles], embed: Callable[..., Singles], seed: int
) -> Iterable[EmbeddingBlock]:
    """Embeddings of the numbered ads; ``row`` tells where ads lie, ``shown`` how often they were, by ad."""
    for start in range(0, len(numbers.ads), ROWS):
        ads = numbers.ads[start : start + ROWS]
        rng = np.random.default_rng([63, seed, start])
        vectors, missing = embed(row(ads), rng), lack_embedding(shown[ads], rng)
        yield EmbeddingBlock(
            start + np.arange(len(ads)), vectors, missing, missing & (rng.random(len(ads)) < NULL_SHARE)
        )


def name_users(count: int, seed: int) -> list[str]:
    """The host's names of the users by re-id."""
    return [f"user_{number:08d}" for number in (1 + draw_distinct(count, np.random.default_rng([64, seed]))).tolist()]


def write_indexer(path: Path, numbers: Numbers, names: list[str], seed: int) -> None:
    """Write indexer.pkl: re-ids of items and users, codes of feature values."""
    rng = np.random.default_rng([65, seed])
    items = dict(zip(numbers.oid[: numbers.known].tolist(), range(1, numbers.known + 1), strict=True))
    values: dict[str, dict[int, int]] = {CREATIVE: dict(items)}
    for name in ITEM_FEATURES:
        values[name] = dict(zip(numbers.values[name].tolist(), range(1, len(numbers.values[name]) + 1), strict=True))
    for name in USER_FEATURES:
        drawn = FIRST_USER_VALUE + draw_distinct(SIZES[name], rng)
        values[name] = dict(zip(drawn.tolist(), range(1, SIZES[name] + 1), strict=True))
    users = dict(zip(names, range(1, len(names) + 1), strict=True))
    host = {"i": items, "u": users, "f": {name: values[name] for name in sorted(values)}}
    with path.open("wb") as file:
        pickle.dump(host, file, protocol=4)


def write_truth(
    path: Path,
    numbers: Numbers,
    names: list[str],
    truth: Ints,
    actions: NDArray[np.int8] | None = None,
    strangers: int = 0,
) -> int:
    """Write truth.csv: a row for each user with a ``truth``, an ad by user, and its action (round 2); the number of
    rows. ``user_id`` is the re-id, nothing for the last users, who are ``strangers``.
    """
    users = np.flatnonzero(truth >= 0)
    frame = pl.DataFrame(
        {
            "user_id": pl.Series(users + 1).set(pl.Series(users >= len(names) - strangers), None),
            "user": [names[user] for user in users.tolist()],
            "creative_id": numbers.oid[numbers.row[truth[users]]],
        }
    )
    if actions is not None:
        frame = frame.with_columns(action=pl.Series(actions[users]))
    frame.write_csv(path)
    return frame.height


def write_actions(path: Path, names: list[str], actions: NDArray[np.int8]) -> None:
    """Write user_action_type.json: what every asked user does, an exposure where there is no target."""
    path.write_text(json.dumps(dict(zip(names, actions.tolist(), strict=True))), encoding="utf-8")


def write_release(
    folder: Path,
    numbers: Numbers,
    batches: Callable[[], Iterable[UserBatch]],
    blocks: Iterable[EmbeddingBlock],
) -> None:
    """Write the release layout, but for the indexer."""
    for name in (
        schema.RELEASE_SEQUENCES,
        schema.RELEASE_ITEMS,
        schema.RELEASE_USERS,
        schema.RELEASE_CANDIDATES,
        f"{schema.RELEASE_EMBEDDINGS}/{EMBEDDING}_parquet",
    ):
        (folder / name).mkdir(parents=True)
    _write_table(folder / schema.RELEASE_SEQUENCES / PART, (_sequence_table(batch, numbers) for batch in batches()))
    _write_table(folder / schema.RELEASE_USERS / PART, (_user_table(batch) for batch in batches()))
    _write_table(folder / schema.RELEASE_ITEMS / PART, _item_tables(numbers))
    _write_table(folder / schema.RELEASE_CANDIDATES / PART, [_candidate_table(numbers)])
    _write_table(
        folder / schema.RELEASE_EMBEDDINGS / f"{EMBEDDING}_parquet" / PART,
        (_embedding_table(block, numbers) for block in blocks),
    )


def _write_table(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write the tables as row groups of one file."""
    writer = None
    for table in tables:
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _sequence_table(batch: UserBatch, numbers: Numbers) -> pa.Table:
    recorded = batch.users.recorded
    action = batch.users.action[recorded].astype(np.int32)
    events = pa.StructArray.from_arrays(
        [
            pa.array(numbers.row[batch.past[recorded]].astype(np.int64) + 1),
            pa.array(action, mask=action == NULL_ACTION),
            pa.array(batch.users.time[recorded]),
        ],
        ["item_id", "action_type", "timestamp"],
    )
    offsets = np.append(0, np.cumsum(batch.users.length)).astype(np.int32)
    users = pa.array(batch.start + 1 + np.arange(len(batch.users)))
    return pa.table({"user_id": users, "seq": pa.ListArray.from_arrays(pa.array(offsets), events)})


def _user_table(batch: UserBatch) -> pa.Table:
    columns = {"user_id": pa.array(batch.start + 1 + np.arange(len(batch.users)))}
    for name, feature in batch.profile.items():
        missing, values = feature.length == 0, feature.value.astype(np.int64)
        if name in USER_LISTS:
            offsets = np.append(0, np.cumsum(feature.length)).astype(np.int32)
            kept = values[np.arange(values.shape[1]) < feature.length[:, None]]
            columns[name] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(kept), mask=pa.array(missing))
        else:
            columns[name] = pa.array(values[:, 0], mask=missing)
    return pa.table(columns)


def _item_tables(numbers: Numbers) -> Iterable[pa.Table]:
    for start in range(0, numbers.known, ROWS):
        code = numbers.code[start : min(start + ROWS, numbers.known)].astype(np.int64)
        columns = {"item_id": pa.array(start + 1 + np.arange(len(code)))}
        for at, name in enumerate(ITEM_FEATURES):
            columns[name] = pa.array(code[:, at], mask=code[:, at] == 0)
        yield pa.table(columns)


def _candidate_table(numbers: Numbers) -> pa.Table:
    """Candidates by retrieval id; a missing feature is no null, but a struct without a value."""
    at = numbers.candidates
    columns = {
        "item_id": pa.array(numbers.oid[at]),
        "retrieval_id": pa.array(np.arange(len(at), dtype=np.int32)),
    }
    for feature, name in enumerate(ITEM_FEATURES):
        code = numbers.code[at, feature]
        number = np.where(code < 0, numbers.original[at, feature], code)
        value = pl.Series(number).cast(pl.String).set(pl.Series(code == 0), None)
        fields = [pa.array((code < 0).astype(np.int64)), value.to_arrow().cast(pa.string())]
        columns[name] = pa.StructArray.from_arrays(fields, ["cold_start", "feature_value"])
    return pa.table(columns)


def _embedding_table(block: EmbeddingBlock, numbers: Numbers) -> pa.Table:
    kept = ~block.missing | block.null
    vectors, null = block.vectors[kept].astype(np.float64), block.null[kept]
    offsets = np.arange(len(vectors) + 1, dtype=np.int32) * vectors.shape[1]
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel()), mask=pa.array(null))
    names = pl.Series(numbers.oid[block.rows[kept]]).cast(pl.String).to_arrow().cast(pa.string())
    return pa.table({"anonymous_cid": names, "emb": lists})
