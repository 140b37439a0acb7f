"""What is refused in the release layout, and tables of several files and row groups."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from competitions.tencent.io import parquet_layout
from competitions.tencent.io import schema as layouts
from tests.unit.tencent.tencent_files import (
    EMBEDDING,
    ITEMS,
    SEQ,
    WORLD,
    counts,
    read,
    refusal,
    seq_rows,
    write_release,
    write_table,
)

EVENT = {"item_id": 1, "action_type": 0, "timestamp": 5}


def one(user: Any, *events: Any) -> dict[str, Any]:
    return {"user_id": user, "seq": list(events)}


GOOD = one(1, EVENT)


SEQUENCES, ITEM_TABLE = layouts.RELEASE_SEQUENCES, layouts.RELEASE_ITEMS
SCHEMAS = {SEQUENCES: SEQ, ITEM_TABLE: ITEMS}
SOUND = {SEQUENCES: GOOD, ITEM_TABLE: {"item_id": 2}}


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        (SEQUENCES, one(3, EVENT), "user_id 3 is not one of the indexer's 2 users"),
        (SEQUENCES, one(None, EVENT), "no user_id"),
        (SEQUENCES, one(2, EVENT, EVENT | {"item_id": 4}), "an item that is not one of the indexer's 3"),
        (SEQUENCES, one(2, EVENT | {"item_id": None}), "an item that is not one of the indexer's 3"),
        (SEQUENCES, one(2, EVENT, None), "an item that is not one of the indexer's 3"),
        (SEQUENCES, one(2, EVENT | {"timestamp": None}), "an event without a time"),
        (SEQUENCES, one(2, EVENT | {"timestamp": -5}), "an event without a time"),
        (SEQUENCES, one(2, EVENT | {"action_type": 3}), "an action that is not 0, 1, 2 or null"),
        (ITEM_TABLE, {"item_id": 4}, "item_id 4 is not one of the indexer's 3 items"),
        (ITEM_TABLE, {"item_id": None}, "no item_id"),
        (ITEM_TABLE, {"item_id": 1, "102": -3}, "feature 102 is negative"),
    ],
)
def test_a_row_that_is_refused(tmp_path: Path, name: str, row: dict[str, Any], reason: str) -> None:
    path = write_table(write_release(tmp_path), name, [SOUND[name], row, SOUND[name]], SCHEMAS[name])
    assert f"{path}, row 2: {reason}" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([one(1)], "has no event"),
        ([], "has no event"),
        ([one(2, EVENT), GOOD, one(2, EVENT)], "row 3: user 'user_00000002' is there and in row 1"),
    ],
)
def test_rows_that_are_refused_together(tmp_path: Path, rows: list[dict[str, Any]], reason: str) -> None:
    write_table(write_release(tmp_path), SEQUENCES, rows, SEQ)
    assert reason in refusal(tmp_path)


def test_a_user_without_a_list_and_an_empty_one(tmp_path: Path) -> None:
    rows = [{"user_id": 2, "seq": None}, GOOD]
    write_table(write_release(tmp_path), layouts.RELEASE_SEQUENCES, rows, SEQ)
    corpus = read(tmp_path)
    assert corpus.test_users.tolist() == [b"user_00000002", b"user_00000005"]
    assert corpus.test.offsets.tolist() == [0, 0, 1]
    assert corpus.train.offsets.tolist() == [0, 1]
    assert counts(corpus)["user without an event"] == (1, "row 1")


@pytest.mark.parametrize(
    ("kind", "described"),
    [
        (pa.list_(pa.int64()), "list<"),
        (pa.int64(), "int64"),
        (pa.list_(pa.struct([("item_id", pa.int64()), ("timestamp", pa.int64())])), "list<"),
    ],
)
def test_sequences_of_another_kind(tmp_path: Path, kind: pa.DataType, described: str) -> None:
    schema = pa.schema([("user_id", pa.int64()), ("seq", kind)])
    write_table(write_release(tmp_path), layouts.RELEASE_SEQUENCES, [{"user_id": 1, "seq": None}], schema)
    assert f"column 'seq': {described}" in refusal(tmp_path)


def test_doubles_with_nan_are_no_numbers(tmp_path: Path) -> None:
    schema = pa.schema([(field.name, pa.float64() if field.name == "122" else field.type) for field in ITEMS])
    rows = [{"item_id": 1, "122": 2.0}, {"item_id": 2, "122": float("nan")}]
    path = write_table(write_release(tmp_path), layouts.RELEASE_ITEMS, rows, schema)
    assert f"{path}, column '122': double where int64 is expected" in refusal(tmp_path)


CANDIDATES, VECTORS = layouts.RELEASE_CANDIDATES, f"{layouts.RELEASE_EMBEDDINGS}/{EMBEDDING}_parquet"


def test_a_file_that_is_no_table_and_a_damaged_one(tmp_path: Path) -> None:
    path = next((write_release(tmp_path) / layouts.RELEASE_SEQUENCES).iterdir())
    stream = path.read_bytes()
    path.write_bytes(stream[:4] + b"\xff" * 60 + stream[64:])
    assert f"{path}, behind row 0: " in refusal(tmp_path)
    path.write_text("no parquet")
    assert f"{path} is not a parquet file" in refusal(tmp_path)


@pytest.mark.parametrize("rows", [1, 2, 1 << 16])
def test_several_files_and_row_groups(tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    users = tuple(f"user_{number:08d}" for number in range(7))
    events = {
        rid: tuple((1 + index % 3, index % 3, 9 - index) for index in range(rid % 4)) for rid in (3, 7, 1, 2, 4, 6, 5)
    }
    world = replace(WORLD, users=users, events=events)
    write_release(tmp_path, world)
    expected = read(tmp_path)
    monkeypatch.setattr(parquet_layout, "BATCH_ROWS", rows)
    table = pa.Table.from_pylist(seq_rows(world), SEQ)
    (tmp_path / "seq" / "train-00000-of-00001.parquet").unlink()
    pq.write_table(table.slice(0, 5), tmp_path / "seq" / "a.parquet", row_group_size=2)
    pq.write_table(table.slice(5), tmp_path / "seq" / "b.parquet", row_group_size=1)
    corpus = read(tmp_path)
    assert corpus.test.item.tolist() == expected.test.item.tolist()
    assert corpus.train.time.tolist() == expected.train.time.tolist()
    assert corpus.train.offsets.tolist() == expected.train.offsets.tolist()
    assert corpus.test_users.tolist() == [users[rid - 1].encode() for rid in events]
    assert counts(corpus) == counts(expected)
    assert counts(corpus)["user without an event"] == (1, "row 5")


def test_rows_that_come_again_are_counted_and_the_last_counts(tmp_path: Path) -> None:
    write_release(tmp_path)
    items = [{"item_id": 1, "100": 2}, {"item_id": 2, "100": 3}, {"item_id": 3}, {"item_id": 1, "100": 4}]
    write_table(tmp_path, layouts.RELEASE_ITEMS, items, ITEMS)
    corpus = read(tmp_path)
    assert corpus.catalogue.features[1:4, 0].tolist() == [4, 3, 0]
    assert counts(corpus)["row of an item that had one before"] == (1, "the last is used")
