"""The item table of the competition layout and the actions of round 2."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from competitions.tencent.io import json_layout, schema
from tests.unit.tencent.tencent_files import read, refusal, write_competition, write_items, write_lines

DEEP = '{"1":' * 100_000 + "1" + "}" * 100_000
# What is no re-id, though ``int`` takes most of it.
NO_NUMBERS = (" 1", "1 ", "+1", "-1", "1_0", "", "1.0", "\u0661", "0x1", "99999999999999999999", "9" * 19, "9" * 5000)


def write_actions(folder: Path, actions: Any) -> Path:
    write_competition(folder)
    write_lines(folder / "eval" / schema.USER_ACTIONS, [actions])
    return folder


@pytest.mark.parametrize("users", [("user_00000005", "user_00000002"), ("1", "2")])
def test_actions_of_round_two(tmp_path: Path, users: tuple[str, str]) -> None:
    corpus = read(write_actions(tmp_path, {users[0]: 2, users[1]: 1}))
    assert corpus.test_users.tolist() == [b"user_00000002", b"user_00000005"]
    assert corpus.actions is not None
    assert corpus.actions.dtype == np.int8
    assert corpus.actions.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        ({"user_00000005": 3}, "user 'user_00000005': action 3 is not one of (0, 1, 2)"),
        ({"user_00000006": 1}, "user 'user_00000006' is not in the predict file"),
        ({"ü": 1}, "user 'ü' is not in the predict file"),
        ({"3": 1}, "user '3' is not in the predict file"),
        ({"user_00000005": None}, "is not a JSON object of user and action"),
        (DEEP, "is not a JSON object of user and action"),
    ],
)
def test_actions_that_are_refused(tmp_path: Path, actions: Any, reason: str) -> None:
    message = refusal(write_actions(tmp_path, actions))
    assert reason in message
    assert schema.USER_ACTIONS in message


def test_the_item_table_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_competition(tmp_path)
    items = {"3": {"100": 1}, "1": {"122": 'a},"b'}, "2": {"111": 77}}
    for size in (1, 2, 1 << 20):
        monkeypatch.setattr(json_layout, "BLOCK", size)
        for text in (json.dumps(items), json.dumps(items, indent=1), json.dumps(items, separators=(",", ":"))):
            write_items(tmp_path, text)
            catalogue = read(tmp_path).catalogue.features
            assert catalogue[1:4, [0, 12]].tolist() == [[0, 10], [0, 0], [1, 0]]


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ({"1": {"100": 1}, "2": {"100": [1]}}, "item 2: Expected `int | str | null`, got `array`"),
        ({"1": {"100": 1}, "2": 5}, "item 2: Expected `object`, got `int`"),
        ({"1": {"100": -1}}, "item 1: Expected `int` >= 0"),
        ({"4": {}}, "item 4 is not one of the indexer's 1..3"),
        *(({"1": {}, key: {}}, f"the key {key[:40]!r} is not one of the indexer's 1..3") for key in NO_NUMBERS),
        (DEEP, "is not a JSON object of items: maximum recursion depth"),
        ('{"1":{"100":1},"2":{"999":' + DEEP + "}}", "maximum recursion depth"),
        ([1], "is not a JSON object of items"),
        ('{"1":{"100":1},"2":{"100"', "is not a JSON object of items: Input data was truncated"),
    ],
)
def test_an_item_table_that_is_refused(tmp_path: Path, items: Any, reason: str) -> None:
    write_items(write_competition(tmp_path), items)
    message = refusal(tmp_path)
    assert reason in message
    assert schema.ITEM_TABLE in message
