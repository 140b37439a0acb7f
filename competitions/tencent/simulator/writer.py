"""Write what both layouts share, and the release layout: parquet files batch by batch, so that memory does not grow.

Users are numbered in the order they were drawn, which says nothing of them.
"""

import pickle
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from common.arrays import Ints
from competitions.tencent.io import schema
from competitions.tencent.io.schema import CREATIVE, ITEM_FEATURES, NULL_ACTION, USER_FEATURES, USER_LISTS
from competitions.tencent.simulator.ad_features import EMBEDDING, EmbeddingBlock
from competitions.tencent.simulator.click_model import UserBatch
from competitions.tencent.simulator.id_assignment import FIRST_USER_VALUE, Numbers, draw_distinct
from competitions.tencent.simulator.topics import FEATURE_SIZES, Codes
from competitions.tencent.simulator.users import Profile, draw_profiles

PART = "train-00000-of-00001.parquet"
EMBEDDING_FOLDER = f"{schema.RELEASE_EMBEDDINGS}/{EMBEDDING}_parquet"
ROWS = 100_000  # of a table written at once


def name_users(count: int, seed: int) -> list[str]:
    """The host's names of the users."""
    numbers = 1 + draw_distinct(count, np.random.default_rng([64, seed]))
    return [f"user_{number:08d}" for number in numbers.tolist()]


def draw_user_values(seed: int) -> dict[str, Ints]:
    """The original value of every code of the user features."""
    rng = np.random.default_rng([65, seed])
    return {name: FIRST_USER_VALUE + draw_distinct(FEATURE_SIZES[name], rng) for name in USER_FEATURES}


def write_indexer(path: Path, numbers: Numbers, names: list[str], user_values: dict[str, Ints]) -> None:
    """Write indexer.pkl: re-ids of items and users, codes of feature values, each from 1 in the order given."""
    items, users = number_from_one(numbers.oid[: numbers.known].tolist()), number_from_one(names)
    values = {name: number_from_one(drawn.tolist()) for name, drawn in (numbers.values | user_values).items()}
    values[CREATIVE] = dict(items)
    dump(path, {"i": items, "u": users, "f": {name: values[name] for name in sorted(values)}})


def number_from_one(keys: Sequence[Any]) -> dict[Any, int]:
    """Keys in their order, numbered as the host numbers: 0 is padding."""
    return dict(zip(keys, range(1, len(keys) + 1), strict=True))


def dump(path: Path, value: object) -> None:
    """Write a pickle as the host writes them."""
    with path.open("wb") as file:
        pickle.dump(value, file, protocol=4)


def write_truth(
    path: Path,
    numbers: Numbers,
    names: list[str],
    truth: Ints,
    actions: NDArray[np.int8] | None = None,
    times: Ints | None = None,
) -> int:
    """Write truth.csv: a row for each user with a ``truth``, an ad by user, -1 for none; its action (round 2) and the
    second of its event where they are given. The number of rows. ``user_id`` is the re-id.
    """
    users = np.flatnonzero(truth >= 0)
    frame = pl.DataFrame(
        {
            "user_id": users + 1,
            "user": [names[user] for user in users.tolist()],
            "creative_id": numbers.oid[numbers.row[truth[users]]],
        }
    )
    for name, values in (("action", actions), ("timestamp", times)):
        if values is not None:
            frame = frame.with_columns(pl.Series(name, values[users]))
    frame.write_csv(path)
    return frame.height


def write_tables(folder: Path, tables: Mapping[str, Iterable[pa.Table]]) -> None:
    """Write the folders of the release layout; tables become row groups of one file."""
    for name, groups in tables.items():
        (folder / name).mkdir(parents=True)
        writer = None
        for table in groups:
            writer = writer or pq.ParquetWriter(folder / name / PART, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


def write_release(
    folder: Path,
    numbers: Numbers,
    names: list[str],
    batches: Sequence[UserBatch],
    blocks: Iterable[EmbeddingBlock],
    seed: int,
) -> None:
    """Write the release layout."""
    write_indexer(folder / schema.INDEXER, numbers, names, draw_user_values(seed))
    write_tables(
        folder,
        {
            schema.RELEASE_SEQUENCES: (_batch_table(batch, numbers) for batch in batches),
            schema.RELEASE_USERS: (
                user_table(batch.start, draw_profiles(batch.users, seed, batch.start)) for batch in batches
            ),
            schema.RELEASE_ITEMS: item_tables(numbers),
            schema.RELEASE_CANDIDATES: [candidate_table(numbers)],
            EMBEDDING_FOLDER: (_embedding_table(block, numbers) for block in blocks),
        },
    )


def _batch_table(batch: UserBatch, numbers: Numbers) -> pa.Table:
    recorded = batch.users.recorded
    events = numbers.row[batch.past[recorded]], batch.users.action[recorded], batch.timeline.time[recorded]
    return sequence_table(batch.start, batch.users.length, *events)


def sequence_table(start: int, lengths: Ints, row: Codes, action: NDArray[np.int8], time: Ints) -> pa.Table:
    """Users from ``start`` on, ``lengths`` events each; their rows of ``Numbers``, actions and times end to end."""
    actions = pa.array(action.astype(np.int32), mask=action == NULL_ACTION)
    items = pa.array(row.astype(np.int64) + 1)
    events = pa.StructArray.from_arrays([items, actions, pa.array(time)], ["item_id", "action_type", "timestamp"])
    users = pa.array(start + 1 + np.arange(len(lengths)))
    return pa.table({"user_id": users, "seq": pa.ListArray.from_arrays(_offsets(lengths), events)})


def _offsets(lengths: Ints) -> pa.Array:
    return pa.array(np.append(0, np.cumsum(lengths)).astype(np.int32))


def user_table(start: int, profile: Mapping[str, Profile]) -> pa.Table:
    """The features of users from ``start`` on."""
    columns = {}
    for name, feature in profile.items():
        missing, values = feature.length == 0, feature.value.astype(np.int64)
        if name in USER_LISTS:
            kept = pa.array(values[np.arange(values.shape[1]) < feature.length[:, None]])
            columns[name] = pa.ListArray.from_arrays(_offsets(feature.length), kept, mask=pa.array(missing))
        else:
            columns[name] = pa.array(values[:, 0], mask=missing)
    users = len(next(iter(profile.values())).length)
    return pa.table({"user_id": pa.array(start + 1 + np.arange(users)), **columns})


def item_tables(numbers: Numbers) -> Iterable[pa.Table]:
    """The features of known ads by re-id."""
    for start in range(0, numbers.known, ROWS):
        code = numbers.code[start : min(start + ROWS, numbers.known)].astype(np.int64)
        columns = {name: pa.array(code[:, at], mask=code[:, at] == 0) for at, name in enumerate(ITEM_FEATURES)}
        yield pa.table({"item_id": pa.array(start + 1 + np.arange(len(code))), **columns})


def candidate_table(numbers: Numbers) -> pa.Table:
    """Candidates by retrieval id; a missing feature is no null, but a struct without a value."""
    at = numbers.candidates
    columns = {"item_id": pa.array(numbers.oid[at]), "retrieval_id": pa.array(np.arange(len(at), dtype=np.int32))}
    for feature, name in enumerate(ITEM_FEATURES):
        code = numbers.code[at, feature]
        number = np.where(code < 0, numbers.original[at, feature], code)
        value = pl.Series(number).cast(pl.String).set(pl.Series(code == 0), None)
        fields = [pa.array((code < 0).astype(np.int64)), value.to_arrow().cast(pa.string())]
        columns[name] = pa.StructArray.from_arrays(fields, ["cold_start", "feature_value"])
    return pa.table(columns)


def _embedding_table(block: EmbeddingBlock, numbers: Numbers) -> pa.Table:
    vectors = block.vectors.astype(np.float64)
    offsets = _offsets(np.full(len(vectors), vectors.shape[1]))
    lists = pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel()), mask=pa.array(block.null))
    names = pl.Series(numbers.oid[block.rows]).cast(pl.String).to_arrow().cast(pa.string())
    return pa.table({"anonymous_cid": names, "emb": lists})
