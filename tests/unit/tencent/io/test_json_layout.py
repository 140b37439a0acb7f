"""The competition layout: profile rows, actions, unseen items, order, users, the item table; what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from competitions.tencent.corpus import Corpus
from competitions.tencent.io import json_layout, schema
from tests.unit.tencent.tencent_files import (
    BASE,
    counts,
    profile,
    read,
    refusal,
    row,
    write_candidates,
    write_competition,
    write_items,
    write_lines,
    write_test,
    write_train,
)

A, B, C = row(1, 2, 0, 100), row(1, 1, 1, 200), row(1, 3, None, 300)
OTHER, NAMED = row(2, 1, 0, 5), row("user_00000002", 1, 0, 5)
PROFILE = profile(1, {"103": 5})
Write = Callable[[Path, Any], Path]


def write_actions(folder: Path, actions: Any) -> Path:
    return write_lines(folder / "eval" / schema.USER_ACTIONS, [actions])


def read_with(folder: Path, write: Write, content: Any) -> Corpus:
    """The folder with another file."""
    write(write_competition(folder), content)
    return read(folder)


@pytest.mark.parametrize(("row", "seconds"), [(0, 10**9), (1, None), (3, 1)])
def test_a_profile_row_stands_anywhere_and_is_not_looked_at(tmp_path: Path, row: int, seconds: int | None) -> None:
    events = [A, B, C]
    line = [*events[:row], profile(1, {"103": [-1]}, seconds), *events[row:], PROFILE]
    result = read_with(tmp_path, write_train, [line])
    assert "user with events out of time order: sorted" not in counts(result)
    assert result.train.item.tolist() == [2, 1, 3]
    assert result.train.action.tolist() == [0, 1, -1]
    assert result.train.time.tolist() == [100, 200, 300]


def test_events_out_of_order_are_sorted_stably(tmp_path: Path) -> None:
    events = [(3, 0, 50), (1, 1, 20), (2, 2, 50), (3, None, 20), (1, 0, 10)]
    result = read_with(tmp_path, write_train, [[row(2, 1, 0, 30)], [row(1, *event) for event in events], []])
    assert result.train.item.tolist() == [1, 1, 3, 3, 2, 1]
    assert result.train.action.tolist() == [0, 1, -1, 0, 2, 0]
    assert result.train.time.tolist() == [10, 20, 20, 50, 50, 30]
    assert counts(result)["user with events out of time order: sorted"] == (1, "line 2")


def test_users_without_events_are_dropped_to_learn_from_and_kept_to_answer(tmp_path: Path) -> None:
    write_train(write_competition(tmp_path), [[], [PROFILE], [OTHER], []])
    write_test(tmp_path, [[OTHER], [PROFILE]])
    result = read(tmp_path)
    assert (result.users.tolist(), result.train.offsets.tolist()) == ([b"user_00000002"], [0, 1])
    assert result.test_users.tolist() == [b"user_00000002", b"user_00000005"]
    assert result.test.offsets.tolist() == [0, 1, 1]
    notes = [(note.file, note.rows, note.done) for note in result.notes if note.what == "user without an event"]
    assert notes == [(schema.SEQUENCES, 3, "line 1"), (schema.PREDICT_SEQUENCES, 1, "line 2")]


def test_unseen_items_of_predict_sequences_stand_behind_the_known_ones(tmp_path: Path) -> None:
    known = [row(2, BASE + 3, 1, 7), row(2, BASE + 8, 0, 8, {"100": 5})]
    lines = [
        [row(1, BASE + 30, 0, 100, {"100": 4, "121": "new"}), A, row(1, BASE + 20, 1, 200)],
        [row(2, BASE + 20, 1, 5, {"100": 7}), row(2, BASE + 30, 1, 6, {"100": 1}), *known],
    ]
    result = read_with(tmp_path, write_test, lines)
    oid = [0, BASE + 7, BASE + 3, BASE + 9, BASE + 1, BASE + 8, BASE + 20, BASE + 30]
    assert result.catalogue.oid.tolist() == oid
    assert result.test.item.tolist() == [7, 2, 6, 6, 7, 2, 5]  # an original id that the indexer knows is its item
    assert result.catalogue.features[7, [0, 11]].tolist() == [4, 10]  # of its first event
    assert result.catalogue.features[6].tolist() == [0] * 13  # its first event has none
    assert result.catalogue.features[5, 0] == 2  # the candidate file goes first
    assert result.candidates.tolist() == [1, 4, 5]
    what = "event of an item that is not in the indexer: kept with its original id"
    assert counts(result)[what] == (6, f"item {BASE + 30}")


def test_users_by_name_and_strangers(tmp_path: Path) -> None:
    write_train(write_competition(tmp_path), [[NAMED], [A]])
    write_test(tmp_path, [[row("user_99999999", 1, 0, 5)], [row("user_00000005", 2, 0, 5)], [row(2, 3, 0, 5)]])
    result = read(tmp_path)
    assert result.users.tolist() == [b"user_00000005", b"user_00000002"]
    assert result.train.item.tolist() == [2, 1]
    assert result.test_users.tolist() == [b"user_99999999", b"user_00000005", b"user_00000002"]
    assert result.test.item.tolist() == [1, 2, 3]


@pytest.mark.parametrize("users", [("user_00000005", "user_00000002"), ("1", "2")])
def test_actions_of_round_two(tmp_path: Path, users: tuple[str, str]) -> None:
    corpus = read_with(tmp_path, write_actions, {users[0]: 2, users[1]: 1})
    assert corpus.test_users.tolist() == [b"user_00000002", b"user_00000005"]
    assert corpus.actions is not None
    assert (corpus.actions.dtype, corpus.actions.tolist()) == (np.int8, [1, 2])


def candidate(oid: int, **more: Any) -> dict[str, Any]:
    return {"creative_id": oid, "features": {}, **more}


def test_the_item_table_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = {"3": {"100": 1}, "1": {"122": 'a},"b'}, "2": {"111": 77}}
    for size, indent in ((1, None), (2, 1), (1 << 20, None)):
        monkeypatch.setattr(json_layout, "BLOCK", size)
        features = read_with(tmp_path, write_items, json.dumps(items, indent=indent)).catalogue.features
        assert features[1:4, [0, 12]].tolist() == [[0, 10], [0, 0], [1, 0]]


# --- refused ---

DEEP = '{"1":' * 100_000 + "1" + "}" * 100_000
EXPECTED_VALUE = "Expected `int | str | null`, got `array`"


def around(line: Any) -> list[Any]:
    return [[NAMED], line, [NAMED]]


@pytest.mark.parametrize(
    ("write", "content", "reason"),
    [
        (write_train, around(""), "line 2: the line is blank"),
        (write_train, around([row(1, 1 << 64, 0, 100)]), "line 2: Expected"),
        (write_test, around([A[:5]]), "line 2: Expected `array` of length 6"),
        (write_test, around([row(1, 0, 0, 100)]), "line 2: Expected `int` >= 1"),
        (write_train, around([row(1, 2, 3, 100)]), "line 2: Expected `int` <= 2"),
        (write_train, around([row(1, 2, 0, -1)]), "line 2: Expected `int` >= 0"),
        (write_train, around([row(None, 2, 0, 1)]), "line 2: Expected `int | str`, got `null`"),  # type: ignore[arg-type]
        (write_test, around([A, row(2, 1, 0, 200)]), "line 2: rows of different users in one line"),
        (write_train, around([row("ü", 2, 0, 100)]), "line 2: 'ü' is not a user name"),
        (write_train, [[OTHER], [A, row(1, 4, 0, 200)]], "line 2: item 4 is beyond the 3 items of the indexer"),
        (write_train, [[OTHER], [row("user_7", 1, 0, 5)]], "line 2: user 'user_7' is not in the indexer"),
        (write_train, [[OTHER], [row(3, 1, 0, 5)]], "line 2: user 3 is beyond the 2 users of the indexer"),
        (write_test, [[A], []], "line 2: the list is empty, no row names the user"),
        (
            write_test,
            [[OTHER], [A, row(1, BASE + 50, 0, 200, {"100": [1]})]],
            f"line 2: features of item {BASE + 50}: {EXPECTED_VALUE}",
        ),
        (write_train, [[OTHER], [A], [B]], "line 3: user 'user_00000005' is there and in line 2"),
        (write_test, [[A], [row("user_00000005", 1, 0, 5)]], "line 2: user 'user_00000005' is there and in line 1"),
        (write_test, [[row("a,b", 1, 0, 5)]], "'a,b' has a comma"),
        (write_train, [], "is empty (0 bytes)"),
        (write_train, [[PROFILE]], "has no event"),
        (write_candidates, [candidate(BASE)] * 2, f"line 2: candidate {BASE} is repeated"),
        (write_candidates, [candidate(BASE), candidate(0)], "line 2: Expected `int` >= 1"),
        (write_candidates, [{"retrieval_id": 1}], "line 1: Object missing required field `creative_id`"),
        (write_candidates, [candidate(BASE, features={"100": [1]})], f"line 1: {EXPECTED_VALUE}"),
        (write_actions, {"user_00000005": 3}, "is not a JSON object of user and action: Expected `int` <= 2"),
        (write_actions, {"ü": 1}, "user 'ü' is not in the predict file"),
        (write_actions, {"3": 1}, "user '3' is not in the predict file"),
        (write_actions, {"user_00000005": None}, "is not a JSON object of user and action"),
        (write_actions, DEEP, "is not a JSON object of user and action"),
        (write_items, {"1": {"100": 1}, "2": {"100": [1]}}, f"item 2: {EXPECTED_VALUE}"),
        (write_items, {"1": {"100": 1}, "2": 5}, "item 2: Expected `object`, got `int`"),
        (write_items, {"1": {"100": -1}}, "item 1: Expected `int` >= 0"),
        (write_items, {"4": {}}, "item 4 is not one of the indexer's 1..3"),
        (write_items, {"1": {}, "\u0661": {}}, "the key '\u0661' is not one of the indexer's 1..3"),
        (write_items, {"9" * 5000: {}}, f"the key '{'9' * 40}' is not one of the indexer's 1..3"),
        (write_items, DEEP, "is not a JSON object of items: maximum recursion depth"),
        (write_items, '{"1":{"100":1},"2":{"999":' + DEEP + "}}", "maximum recursion depth"),
        (write_items, [1], "is not a JSON object of items"),
        (write_items, '{"1":{"100":1},"2":{"100"', "is not a JSON object of items: Input data was truncated"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) and len(value) < 200 else "",
)
def test_what_is_refused(tmp_path: Path, write: Write, content: Any, reason: str) -> None:
    path = write(write_competition(tmp_path), content)
    assert reason in refusal(path, lambda _: read(tmp_path))
