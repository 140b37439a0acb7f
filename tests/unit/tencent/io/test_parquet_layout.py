"""The release layout: tables of several files and row groups, older names; what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from competitions.tencent.io import parquet_layout
from competitions.tencent.io import schema as layouts
from tests.unit.tencent.tencent_files import (
    BASE,
    ITEMS,
    SEQ,
    WORLD,
    candidate_rows,
    candidate_schema,
    counts,
    read,
    refusal,
    seq_rows,
    write_release,
    write_table,
)

EVENT = {"item_id": 1, "action_type": 0, "timestamp": 5}
SEQUENCES, ITEM_TABLE, CANDIDATES = layouts.RELEASE_SEQUENCES, layouts.RELEASE_ITEMS, layouts.RELEASE_CANDIDATES
SCHEMAS = {SEQUENCES: SEQ, ITEM_TABLE: ITEMS, CANDIDATES: candidate_schema()}


def one(user: Any, *events: Any) -> dict[str, Any]:
    return {"user_id": user, "seq": list(events)}


def candidate(index: int, **cells: Any) -> list[dict[str, Any]]:
    """The candidates with other cells in one."""
    rows = candidate_rows(WORLD)
    rows[index] |= cells
    return rows


def cell(value: str | None, cold: int | None = 0) -> dict[str, Any]:
    return {"cold_start": cold, "feature_value": value}


@pytest.mark.parametrize(
    ("name", "rows", "reason"),
    [
        (SEQUENCES, [one(1, EVENT), one(3, EVENT)], "row 2: user_id 3 is not one of the indexer's 2 users"),
        (SEQUENCES, [one(1, EVENT), one(None, EVENT)], "row 2: no user_id"),
        (SEQUENCES, [one(2, EVENT, EVENT | {"item_id": 4})], "row 1: an item that is not one of the indexer's 3"),
        (SEQUENCES, [one(2, EVENT, None)], "row 1: an item that is not one of the indexer's 3"),
        (SEQUENCES, [one(2, EVENT | {"timestamp": None})], "row 1: an event without a time"),
        (SEQUENCES, [one(2, EVENT | {"timestamp": -5})], "row 1: an event without a time"),
        (SEQUENCES, [one(2, EVENT | {"timestamp": 10**12})], "or with one that is no time in seconds"),  # milliseconds
        (SEQUENCES, [one(2, EVENT | {"action_type": 3})], "row 1: an action that is not 0, 1, 2 or null"),
        (SEQUENCES, [one(1)], "has no event"),
        (SEQUENCES, [], "has no event"),
        (SEQUENCES, [one(2, EVENT), one(1), one(2, EVENT)], "row 3: user 'user_00000002' is there and in row 1"),
        (ITEM_TABLE, [{"item_id": 2}, {"item_id": 4}], "row 2: item_id 4 is not one of the indexer's 3 items"),
        (ITEM_TABLE, [{"item_id": None}], "row 1: no item_id"),
        (ITEM_TABLE, [{"item_id": 1, "102": -3}], "row 1: feature 102 is negative"),
        (CANDIDATES, candidate(2, item_id=BASE + 7), f"row 3: candidate {BASE + 7} is repeated"),
        (CANDIDATES, candidate(1, **{"101": cell("x")}), "row 2: feature 101: 'x' is not marked as cold and no number"),
        (CANDIDATES, candidate(1, **{"101": cell("-4")}), "row 2: feature 101: '-4' is not marked"),
        (CANDIDATES, [], "has no candidate"),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, name: str, rows: list[dict[str, Any]], reason: str) -> None:
    write_table(write_release(tmp_path), name, rows, SCHEMAS[name])
    assert reason in refusal(tmp_path / name, lambda _: read(tmp_path))


def test_a_user_without_a_list_and_an_empty_one(tmp_path: Path) -> None:
    write_table(write_release(tmp_path), SEQUENCES, [{"user_id": 2, "seq": None}, one(1, EVENT)], SEQ)
    corpus = read(tmp_path)
    assert corpus.test_users.tolist() == [b"user_00000002", b"user_00000005"]
    assert corpus.test.offsets.tolist() == [0, 0, 1]
    assert corpus.train.offsets.tolist() == [0, 1]
    assert counts(corpus)["user without an event"] == (1, "row 1")


@pytest.mark.parametrize(
    ("name", "kind", "described"),
    [
        (SEQUENCES, ("seq", pa.int64()), "column 'seq': int64"),
        (SEQUENCES, ("seq", pa.list_(pa.struct([("item_id", pa.int64())]))), "column 'seq': list<"),
        (ITEM_TABLE, ("122", pa.float64()), "column '122': double where int64 is expected"),
    ],
)
def test_a_column_of_another_kind(tmp_path: Path, name: str, kind: tuple[str, pa.DataType], described: str) -> None:
    """Of doubles those with a fraction, or that are no numbers."""
    schema = pa.schema([kind if field.name == kind[0] else (field.name, field.type) for field in SCHEMAS[name]])
    rows = [{"user_id": 1, "item_id": 1, "seq": None, "122": float("nan")}]
    write_table(write_release(tmp_path), name, rows, schema)
    assert described in refusal(tmp_path / name, lambda _: read(tmp_path))


def test_a_file_that_is_no_table_and_a_damaged_one(tmp_path: Path) -> None:
    path = next((write_release(tmp_path) / SEQUENCES).iterdir())
    stream = path.read_bytes()
    path.write_bytes(stream[:4] + b"\xff" * 60 + stream[64:])
    assert f"{path}, behind row 0: " in refusal(tmp_path)
    path.write_text("no parquet")
    assert f"{path}, behind row 0: no parquet file" in refusal(tmp_path)


@pytest.mark.parametrize("rows", [1, 2, 1 << 16])
def test_several_files_and_row_groups(tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    users = tuple(f"user_{number:08d}" for number in range(7))
    order = (3, 7, 1, 2, 4, 6, 5)
    events = {rid: tuple((1 + at % 3, at % 3, 9 - at) for at in range(rid % 4)) for rid in order}
    world = replace(WORLD, users=users, events=events)
    expected = read(write_release(tmp_path, world))
    monkeypatch.setattr(parquet_layout, "BATCH_ROWS", rows)
    table = pa.Table.from_pylist(seq_rows(world), SEQ)
    (tmp_path / "seq" / "train-00000-of-00001.parquet").unlink()
    pq.write_table(table.slice(0, 5), tmp_path / "seq" / "a.parquet", row_group_size=2)
    pq.write_table(table.slice(5), tmp_path / "seq" / "b.parquet", row_group_size=1)
    corpus = read(tmp_path)
    for name in ("item", "time", "offsets"):
        assert getattr(corpus.test, name).tolist() == getattr(expected.test, name).tolist()
        assert getattr(corpus.train, name).tolist() == getattr(expected.train, name).tolist()
    assert corpus.test_users.tolist() == [users[rid - 1].encode() for rid in order]
    assert counts(corpus) == counts(expected)
    assert counts(corpus)["user without an event"] == (1, "row 5")


def test_rows_that_come_again_are_counted_and_the_last_counts(tmp_path: Path) -> None:
    items = [{"item_id": 1, "100": 2}, {"item_id": 2, "100": 3}, {"item_id": 1, "100": 12}]
    write_table(write_release(tmp_path), ITEM_TABLE, items, ITEMS)
    corpus = read(tmp_path)
    assert corpus.catalogue.features[1:4, 0].tolist() == [10, 3, 0]  # a number beyond the indexer's is cold
    assert counts(corpus)["row of an item that had one before"] == (1, "the last is used")
    assert counts(corpus)["item without features"] == (1, "item 3")


def test_missing_features_in_every_form(tmp_path: Path) -> None:
    cells = {"100": None, "101": cell(None), "102": cell("4", None), "112": cell(None, 1), "114": cell("5", 1)}
    write_table(write_release(tmp_path), CANDIDATES, candidate(0, **cells), candidate_schema())
    assert read(tmp_path).catalogue.features[5, :5].tolist() == [0, 0, 4, 0, 10]


def test_older_names_are_read_as_todays(tmp_path: Path) -> None:
    today, older = tmp_path / "today", tmp_path / "older"
    for folder, names in ((today, ("cold_start", "item_id")), (older, ("is_str", "creative_id"))):
        rows, schema = candidate_rows(WORLD, *names), candidate_schema(*names)
        write_table(write_release(folder), CANDIDATES, rows, schema)
    assert read(older).candidates.tolist() == read(today).candidates.tolist()
    assert np.array_equal(read(older).catalogue.features, read(today).catalogue.features)
