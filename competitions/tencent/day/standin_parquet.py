"""Write sequences of a public set in the release layout, with the truth."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from common.day.hosts.public import TRUTH
from competitions.tencent.io import schema
from competitions.tencent.io.schema import CLICK, CREATIVE, ITEM_FEATURES, USER_FEATURES, USER_LISTS
from competitions.tencent.simulator.id_assignment import FIRST_USER_VALUE, Numbers
from competitions.tencent.simulator.writer import PART, name_users, write_truth

LAST_S = 1_748_390_400  # 2025-05-28 00:00 UTC: the last visible event of every user
DAY_S = 86_400
CONSTANT = "103"  # the one user feature that is filled: the sets say nothing of users


def write_release(folder: Path, history: pl.DataFrame, truth: pl.DataFrame, numbers: Numbers, seed: int) -> None:
    """Write all files of the release and the truth.

    ``history`` and ``truth``: user (number from 0), position, item (number from 0); ``truth`` has one row a user.
    Users are numbered anew as well, without regard to the order of the file.
    """
    users = truth.height
    order = np.random.default_rng([80, seed]).permutation(users)  # by re-id less one, the user
    renumbered = np.empty(users, np.int64)
    renumbered[order] = np.arange(users)
    names = name_users(users, seed)
    tables = {
        schema.RELEASE_SEQUENCES: _sequence_table(history, renumbered, numbers),
        schema.RELEASE_ITEMS: _item_table(numbers),
        schema.RELEASE_USERS: _user_table(users),
        schema.RELEASE_CANDIDATES: _candidate_table(numbers),
    }
    for name, table in tables.items():
        (folder / name).mkdir()
        table.write_parquet(folder / name / PART)
    _write_indexer(folder / schema.INDEXER, numbers, names)
    write_truth(folder / TRUTH, numbers, names, truth["item"].to_numpy()[order])


def _sequence_table(history: pl.DataFrame, renumbered: np.ndarray, numbers: Numbers) -> pl.DataFrame:
    rank = numbers.row[history["item"].to_numpy()].astype(np.int64)
    last = pl.col("position").max().over("user_id")
    event = pl.struct(
        pl.col("item_id"),
        pl.lit(CLICK, pl.Int32).alias("action_type"),
        (LAST_S - DAY_S * (last - pl.col("position"))).alias("timestamp"),
    )
    return (
        history.select("position", pl.Series("user_id", renumbered[history["user"].to_numpy()]) + 1)
        .with_columns(pl.Series("item_id", rank + 1))
        .sort("user_id", "position")
        .select("user_id", event.alias("seq"))
        .group_by("user_id", maintain_order=True)
        .agg("seq")
    )


def _item_table(numbers: Numbers) -> pl.DataFrame:
    code = numbers.code[: numbers.known].astype(np.int64)
    columns = [pl.Series(name, code[:, feature]).replace(0, None) for feature, name in enumerate(ITEM_FEATURES)]
    return pl.DataFrame([pl.Series("item_id", np.arange(1, numbers.known + 1)), *columns])


def _user_table(users: int) -> pl.DataFrame:
    types = {name: pl.List(pl.Int64) if name in USER_LISTS else pl.Int64 for name in USER_FEATURES}
    empty = [pl.lit(None, dtype).alias(name) for name, dtype in types.items() if name != CONSTANT]
    frame = pl.DataFrame([pl.Series("user_id", np.arange(1, users + 1))])
    return frame.with_columns(pl.lit(1, pl.Int64).alias(CONSTANT), *empty).select("user_id", *USER_FEATURES)


def _candidate_table(numbers: Numbers) -> pl.DataFrame:
    """Candidates by retrieval id; a missing feature is no null, but a struct without a value."""
    rows = numbers.candidates
    columns = [pl.Series("item_id", numbers.oid[rows]), pl.Series("retrieval_id", np.arange(len(rows), dtype=np.int32))]
    for feature, name in enumerate(ITEM_FEATURES):
        code = numbers.code[rows, feature].astype(np.int64)
        value = pl.Series(np.where(code < 0, numbers.original[rows, feature], code)).cast(pl.String)
        fields = {"cold_start": (code < 0).astype(np.int64), "feature_value": value.set(pl.Series(code == 0), None)}
        columns.append(pl.DataFrame(fields).to_struct(name))
    return pl.DataFrame(columns)


def _write_indexer(path: Path, numbers: Numbers, names: list[str]) -> None:
    values: dict[str, Mapping[int, int]] = {name: {} for name in (CREATIVE, *USER_FEATURES)}
    values[CONSTANT] = {FIRST_USER_VALUE: 1}
    for name in ITEM_FEATURES:
        values[name] = dict(zip(numbers.values[name].tolist(), range(1, len(numbers.values[name]) + 1), strict=True))
    indexer = {
        "i": dict(zip(numbers.oid[: numbers.known].tolist(), range(1, numbers.known + 1), strict=True)),
        "u": dict(zip(names, range(1, len(names) + 1), strict=True)),
        "f": {name: values[name] for name in sorted(values)},
    }
    with path.open("wb") as file:
        pickle.dump(indexer, file, protocol=4)
