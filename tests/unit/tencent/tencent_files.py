"""Tiny raw folders in both layouts of the Tencent competition, for the tests of its reader."""

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.engine.errors import UserError
from competitions.tencent.corpus import Corpus
from competitions.tencent.io import reader
from competitions.tencent.io import schema as layouts

BASE = 20_000_000_000
SIZES = {name: 9 for name in (*layouts.ITEM_FEATURES, *layouts.USER_FEATURES, layouts.CREATIVE)}
Event = tuple[int, int | None, int]  # item, action, seconds


@dataclass(frozen=True)
class World:
    """What both layouts say. ``items``: original ids by re-id; ``users``: names by re-id; ``events`` by user's re-id.

    Features by re-id; ``candidates``: original id and features in the order of retrieval ids, a text being cold.
    """

    items: tuple[int, ...] = (BASE + 7, BASE + 3, BASE + 9)
    users: tuple[str, ...] = ("user_00000005", "user_00000002")
    item_features: dict[int, dict[str, int]] = field(
        default_factory=lambda: {1: {"100": 1, "122": 2}, 2: {"100": 3}, 3: {"101": 4}}
    )
    user_features: dict[int, dict[str, Any]] = field(
        default_factory=lambda: {1: {"103": 5, "106": [1, 2]}, 2: {"109": 3}}
    )
    events: dict[int, tuple[Event, ...]] = field(
        default_factory=lambda: {1: ((2, 0, 100), (1, 1, 200), (3, None, 300)), 2: ((3, 2, 50),)}
    )
    candidates: tuple[tuple[int, dict[str, int | str]], ...] = (
        (BASE + 8, {"100": 2, "121": "77001"}),
        (BASE + 7, {"100": 9}),
        (BASE + 1, {"100": "cold", "101": 3}),
    )


WORLD = World()


def indexer(world: World, pairs: bool = False) -> dict[str, Any]:
    """The content of indexer.pkl."""
    kind: Callable[[dict[Any, int]], Any] = (lambda numbers: list(numbers.items())) if pairs else dict
    return {
        "i": kind({oid: rid for rid, oid in enumerate(world.items, 1)}),
        "u": kind({name: rid for rid, name in enumerate(world.users, 1)}),
        "f": {name: kind({1000 + rid: rid for rid in range(1, size + 1)}) for name, size in SIZES.items()},
    }


def row(user: int | str, item: int, action: int | None, seconds: int, features: Any = None) -> list[Any]:
    return [user, item, None, features, action, seconds]


def profile(user: int | str, features: Any, seconds: int = 1) -> list[Any]:
    return [user, None, features, None, None, seconds]


def user_line(world: World, user: int) -> list[Any]:
    """The line of a user: events, then the profile."""
    events = [
        row(user, item, action, seconds, world.item_features.get(item)) for item, action, seconds in world.events[user]
    ]
    return [*events, profile(user, world.user_features[user])] if user in world.user_features else events


def write_lines(path: Path, lines: Sequence[Any], offsets: Path | None = None) -> Path:
    """JSON lines (texts are taken as they are), with the pickle of their offsets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts))
    if offsets:
        write_pickle(offsets, [sum(len(text) + 1 for text in texts[:place]) for place in range(len(texts))])
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


def write_competition(folder: Path, world: World = WORLD, pairs: bool = False) -> Path:
    """The competition layout: users by re-id in train, in the reverse order in the predict file."""
    users = sorted(world.events)
    write_train(folder, [user_line(world, user) for user in users])
    write_test(folder, [user_line(world, user) for user in reversed(users)])
    write_pickle(folder / "train" / layouts.INDEXER, indexer(world, pairs))
    write_items(folder, {str(rid): {**values, "111": rid} for rid, values in world.item_features.items()})
    write_candidates(
        folder,
        [
            {"creative_id": oid, "retrieval_id": place, "features": features}
            for place, (oid, features) in enumerate(world.candidates)
        ],
    )
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
USERS = pa.schema(
    [
        ("user_id", pa.int64()),
        *((name, pa.list_(pa.int64()) if name in layouts.USER_LISTS else pa.int64()) for name in layouts.USER_FEATURES),
    ]
)


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
        {"user_id": user, "seq": [dict(zip(names, event, strict=True)) for event in events]}
        for user, events in world.events.items()
    ]


def write_release(folder: Path, world: World = WORLD, pairs: bool = False) -> Path:
    """The release layout, users in the order of ``world.events``."""
    write_table(folder, layouts.RELEASE_SEQUENCES, seq_rows(world), SEQ)
    items = [{"item_id": rid, **values} for rid, values in world.item_features.items()]
    write_table(folder, layouts.RELEASE_ITEMS, items, ITEMS)
    users = [{"user_id": rid, **values} for rid, values in world.user_features.items()]
    write_table(folder, layouts.RELEASE_USERS, users, USERS)
    write_table(folder, layouts.RELEASE_CANDIDATES, candidate_rows(world), candidate_schema())
    write_pickle(folder / layouts.INDEXER, indexer(world, pairs))
    return folder


def read(folder: Path) -> Corpus:
    return reader.read_corpus(reader.locate(folder))


def refusal(folder: Path) -> str:
    """The one sentence in which reading is refused."""
    with pytest.raises(UserError) as caught:
        read(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def counts(corpus: Corpus) -> dict[str, tuple[int, str]]:
    """How often each rule settled something, and the first place."""
    return {note.what: (note.count, note.first) for note in corpus.notes}
