"""Raw folders in both layouts of the Tencent competition, from one description of what they say."""

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.engine.errors import UserError
from competitions.tencent.corpus import Corpus
from competitions.tencent.io import reader
from competitions.tencent.io import schema as layouts

BASE = 20_000_000_000
SIZE = 9  # values of a feature in the indexer
FEATURES = (*layouts.ITEM_FEATURES, "103", layouts.CREATIVE)  # the second is one of users: nothing reads them
EMBEDDING = "emb_81_32"
Event = tuple[int, int | None, int]  # item, action, seconds
User = int | str  # a re-id, or a name that the indexer lacks


@dataclass(frozen=True)
class World:
    """What both layouts say. ``items``: original ids by re-id; ``users``: names by re-id.

    Features of items by re-id, or by original id where the indexer lacks them. ``candidates``: original id and
    features in the order of retrieval ids, a text being cold. ``order``: the test users, else all in reverse.
    """

    items: tuple[int, ...] = (BASE + 7, BASE + 3, BASE + 9)
    users: tuple[str, ...] = ("user_00000005", "user_00000002")
    item_features: dict[int, dict[str, Any]] = field(
        default_factory=lambda: {1: {"100": 1, "122": 2}, 2: {"100": 3}, 3: {"101": 4}}
    )
    events: dict[User, tuple[Event, ...]] = field(
        default_factory=lambda: {1: ((2, 0, 100), (1, 1, 200), (3, None, 300)), 2: ((3, 2, 50),)}
    )
    candidates: tuple[tuple[int, dict[str, Any]], ...] = (
        (BASE + 8, {"100": 2, "121": "77001"}),
        (BASE + 7, {"100": 9}),
        (BASE + 1, {"100": "cold", "101": 3}),
    )
    order: tuple[User, ...] = ()
    vectors: dict[int, np.ndarray | None] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # of features of other than ``SIZE`` values


WORLD = World()


def indexer(world: World) -> dict[str, Any]:
    """The content of indexer.pkl."""
    sizes = {name: world.sizes.get(name, SIZE) for name in FEATURES}
    return {
        "i": {oid: rid for rid, oid in enumerate(world.items, 1)},
        "u": {name: rid for rid, name in enumerate(world.users, 1)},
        "f": {name: {1000 + rid: rid for rid in range(1, size + 1)} for name, size in sizes.items()},
    }


def row(user: User, item: int, action: int | None, seconds: int, features: Any = None) -> list[Any]:
    return [user, item, None, features, action, seconds]


def profile(user: User, features: Any, seconds: int | None = 1) -> list[Any]:
    return [user, None, features, None, None, seconds]


def user_line(world: World, user: User) -> list[Any]:
    """The line of a user; the profile stands anywhere, or is not there."""
    rows = [row(user, item, *rest, world.item_features.get(item)) for item, *rest in world.events[user]]
    at = rows[0][5] % (len(rows) + 2) if rows else 0
    return [*rows[:at], *[profile(user, {"103": 5, "106": [1, 2]})] * (at <= len(rows)), *rows[at:]]


def write_lines(path: Path, lines: Sequence[Any], offsets: Path | None = None) -> Path:
    """JSON lines (texts are taken as they are), with the pickle of their offsets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts))
    if offsets:
        write_pickle(offsets, np.cumsum([0, *(len(text) + 1 for text in texts)])[:-1].tolist())
    return path


def write_pickle(path: Path, value: object, protocol: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def write_train(folder: Path, lines: Sequence[Any]) -> Path:
    return write_lines(folder / "train" / layouts.SEQUENCES, lines, folder / "train" / layouts.OFFSETS)


def write_test(folder: Path, lines: Sequence[Any]) -> Path:
    return write_lines(folder / "eval" / layouts.PREDICT_SEQUENCES, lines, folder / "eval" / layouts.PREDICT_OFFSETS)


def write_candidates(folder: Path, lines: Sequence[Any]) -> Path:
    return write_lines(folder / "eval" / layouts.CANDIDATES, lines)


def write_items(folder: Path, items: Any) -> Path:
    path = folder / "train" / layouts.ITEM_TABLE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(items if isinstance(items, str) else json.dumps(items))
    return path


def write_competition(folder: Path, world: World = WORLD) -> Path:
    """The competition layout: users by re-id in train, the lines of candidates in reverse."""
    users = sorted(user for user in world.events if isinstance(user, int))
    write_train(folder, [user_line(world, user) for user in users])
    write_test(folder, [user_line(world, user) for user in world.order or users[::-1]])
    write_pickle(folder / "train" / layouts.INDEXER, indexer(world))
    known = {rid: values for rid, values in world.item_features.items() if rid <= len(world.items)}
    write_items(folder, {str(rid): {**values, "111": rid} for rid, values in known.items()})
    lines = [
        {"creative_id": oid, "retrieval_id": at, "features": values}
        for at, (oid, values) in enumerate(world.candidates)
    ]
    write_candidates(folder, lines[::-1])
    if world.vectors:
        named = {str(oid): vector for oid, vector in world.vectors.items()}
        write_pickle(folder / "train" / layouts.EMBEDDINGS / f"{EMBEDDING}.pkl", named)
    return folder


def write_table(folder: Path, name: str, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> Path:
    """A parquet folder of one file."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    path = folder / name / "train-00000-of-00001.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


SEQ = pa.schema(
    [
        ("user_id", pa.int64()),
        ("seq", pa.list_(pa.struct([("item_id", pa.int64()), ("action_type", pa.int32()), ("timestamp", pa.int64())]))),
    ]
)
ITEMS = pa.schema([("item_id", pa.int64()), *((name, pa.int64()) for name in layouts.ITEM_FEATURES)])


def candidate_schema(flag: str = "cold_start", oid: str = "item_id") -> pa.Schema:
    cell = pa.struct([(flag, pa.int64()), ("feature_value", pa.string())])
    return pa.schema(
        [(oid, pa.int64()), ("retrieval_id", pa.int32()), *((name, cell) for name in layouts.ITEM_FEATURES)]
    )


def candidate_rows(world: World, flag: str = "cold_start", oid: str = "item_id") -> list[dict[str, Any]]:
    def cell(value: int | str | None) -> dict[str, Any]:
        return {flag: int(isinstance(value, str)), "feature_value": None if value is None else str(value)}

    return [
        {oid: number, "retrieval_id": place, **{name: cell(features.get(name)) for name in layouts.ITEM_FEATURES}}
        for place, (number, features) in enumerate(world.candidates)
    ]


def seq_rows(world: World) -> list[dict[str, Any]]:
    names = ("item_id", "action_type", "timestamp")
    return [
        {"user_id": user, "seq": [dict(zip(names, event, strict=True)) for event in world.events[user]]}
        for user in world.order or world.events
    ]


def write_release(folder: Path, world: World = WORLD) -> Path:
    """The release layout, whose users are all in the indexer."""
    write_table(folder, layouts.RELEASE_SEQUENCES, seq_rows(world), SEQ)
    known = {rid: values for rid, values in world.item_features.items() if rid <= len(world.items)}
    write_table(folder, layouts.RELEASE_ITEMS, [{"item_id": rid, **values} for rid, values in known.items()], ITEMS)
    write_table(folder, layouts.RELEASE_USERS, [{"user_id": 1, "103": 5, "106": [1, 2]}])
    write_table(folder, layouts.RELEASE_CANDIDATES, candidate_rows(world), candidate_schema())
    write_pickle(folder / layouts.INDEXER, indexer(world))
    if world.vectors:
        vectors = {str(oid): vector for oid, vector in world.vectors.items() if vector is not None}
        rows = [{"anonymous_cid": oid, "emb": vector.tolist()} for oid, vector in vectors.items()]
        write_table(folder / layouts.RELEASE_EMBEDDINGS, f"{EMBEDDING}_parquet", rows)
    return folder


def read(folder: Path) -> Corpus:
    return reader.read_corpus(reader.locate(folder))


def refusal(path: Path, call: Callable[[Path], object] = read) -> str:
    """The one sentence in which a folder or a file is refused, with its path."""
    with pytest.raises(UserError) as caught:
        call(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def counts(corpus: Corpus) -> dict[str, tuple[int, str]]:
    """How often each rule settled something, and the first place."""
    return {note.what: (note.rows, note.done) for note in corpus.notes}
