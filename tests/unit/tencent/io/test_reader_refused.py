"""Lines and offsets of the competition layout that are refused, with the line and the reason."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from competitions.tencent.io import schema
from tests.unit.tencent.tencent_files import (
    BASE,
    profile,
    read,
    refusal,
    row,
    write_competition,
    write_pickle,
    write_test,
    write_train,
)

A, B, C = row(1, 2, 0, 100), row(1, 1, 1, 200), row(1, 3, None, 300)
PROFILE = profile(1, {"103": 5})


def refused_train(folder: Path, *user_lines: Any) -> str:
    path = write_train(write_competition(folder), user_lines)
    message = refusal(folder)
    assert str(path) in message
    return message


def refusal_of_test(folder: Path, *user_lines: Any) -> str:
    path = write_test(write_competition(folder), user_lines)
    message = refusal(folder)
    assert str(path) in message
    return message


FAULTS: dict[str, tuple[Any, str]] = {
    "truncated": (json.dumps([A, B])[:-9], "truncated"),
    "no JSON": ("[[1,2,null,{},0,]]", "malformed"),
    "blank": ("", "the line is blank"),
    "an item beyond 64 bits": ([row(1, 1 << 64, 0, 100)], "Expected"),
    "a time beyond 64 bits": ([row(1, 2, 0, 1 << 70)], "Expected"),
    "a value beyond 64 bits": ([A, profile(1, {"103": 1 << 70})], "Expected"),
    "an object": ({"user": 1}, "Expected `array`, got `object`"),
    "five fields": ([A[:5]], "Expected `array` of length 6"),
    "seven fields": ([[*A, 1]], "Expected `array` of length 6"),
    "item 0": ([row(1, 0, 0, 100)], "Expected `int` >= 1"),
    "negative item": ([row(1, -2, 0, 100)], "Expected `int` >= 1"),
    "item as a text": ([row(1, "2", 0, 100)], "Expected `int | null`, got `str`"),  # type: ignore[arg-type]
    "action 3": ([row(1, 2, 3, 100)], "Expected `int` <= 2"),
    "action of a fraction": ([row(1, 2, 0.5, 100)], "Expected `int | null`, got `float`"),  # type: ignore[arg-type]
    "no time": ([[1, 2, None, None, 0, None]], "an event without a time"),
    "negative time": ([row(1, 2, 0, -1)], "Expected `int` >= 0"),
    "no user": ([row(None, 2, 0, 100)], "Expected `int | str`, got `null`"),  # type: ignore[arg-type]
    "user 0": ([row(0, 2, 0, 100)], "Expected `int` >= 1"),
    "two users": ([A, row(2, 1, 0, 200)], "rows of different users in one line"),
    "user beyond": ([row(3, 2, 0, 100)], "user 3 is beyond the 2 users of the indexer"),
    "odd name": ([row("ü", 2, 0, 100)], "'ü' is no user name"),
    "list for a value": ([A, profile(1, {"103": [1]})], "Expected `int | str | null`, got `array`"),
    "object for a value": ([A, profile(1, {"104": {}})], "Expected `int | str | null`, got `object`"),
    "object for a list": ([A, profile(1, {"106": {}})], "got `object`"),
    "list in a list": ([A, profile(1, {"106": [[1]]})], "got `array`"),
    "negative value": ([A, profile(1, {"103": -1})], "Expected `int` >= 0"),
    "text for features": ([A, profile(1, "x")], "Expected `object | null`, got `str`"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_line_that_is_refused(tmp_path: Path, name: str) -> None:
    line, reason = FAULTS[name]
    good = [row("user_00000002", 1, 0, 5)]
    for message in (refused_train(tmp_path, good, line, good), refusal_of_test(tmp_path, good, line, good)):
        assert "seq.jsonl, line 2: " in message
        assert reason in message


def test_an_item_beyond_the_indexer(tmp_path: Path) -> None:
    message = refused_train(tmp_path, [row(2, 1, 0, 5)], [A, row(1, 4, 0, 200)])
    assert "line 2: item 4 is beyond the 3 items of the indexer" in message


def test_a_user_to_learn_from_whom_the_indexer_lacks(tmp_path: Path) -> None:
    message = refused_train(tmp_path, [row(2, 1, 0, 5)], [row("user_77777777", 1, 0, 5)])
    assert "line 2: user 'user_77777777' is not in the indexer" in message


def test_a_list_that_names_no_user_to_answer(tmp_path: Path) -> None:
    assert "line 2: the list is empty, no row names the user" in refusal_of_test(tmp_path, [A], [])


@pytest.mark.parametrize("again", [1, "user_00000005"])
def test_a_user_twice(tmp_path: Path, again: int | str) -> None:
    others = [[row(2, 1, 0, 5)], [A], [row(again, 1, 0, 5)]]
    for message in (refused_train(tmp_path, *others), refusal_of_test(tmp_path, *others)):
        assert "line 3: user 'user_00000005' stands there and in line 2; remove one of the two" in message


def test_features_of_an_unseen_item_of_the_wrong_kind(tmp_path: Path) -> None:
    message = refusal_of_test(tmp_path, [row(2, 1, 0, 5)], [A, row(1, BASE + 50, 0, 200, {"100": [1]})])
    assert f"line 2: features of item {BASE + 50}: Expected `int | str | null`, got `array`" in message


@pytest.mark.parametrize(
    ("offsets", "reason"),
    [
        ([0], "has 1 offsets where"),
        ([0, 30, 60], "has 3 offsets where"),
        ([0, 41], "entry 2: offset 41 where line 2 of"),
        ([1, 40], "entry 1: offset 1 where line 1 of"),
        ([0, "x"], "'x' is not a whole number"),
        ({0: 1}, "holds a dict where a list of byte offsets is expected"),
    ],
)
def test_offsets_that_do_not_match(tmp_path: Path, offsets: Any, reason: str) -> None:
    write_train(write_competition(tmp_path), [[A], [row(2, 1, 0, 5)]])
    write_pickle(tmp_path / "train" / schema.OFFSETS, offsets)
    message = refusal(tmp_path)
    assert reason in message
    assert schema.OFFSETS in message


def test_offsets_as_an_array(tmp_path: Path) -> None:
    write_train(write_competition(tmp_path), [[A], [row(2, 1, 0, 5)]])
    write_pickle(tmp_path / "train" / schema.OFFSETS, np.array([0, len(json.dumps([A])) + 1]))
    assert len(read(tmp_path).train) == 2


def test_an_empty_file(tmp_path: Path) -> None:
    assert "is empty (0 bytes)" in refused_train(tmp_path)
    assert "is empty (0 bytes)" in refusal_of_test(tmp_path)


def test_no_event_to_learn_from(tmp_path: Path) -> None:
    assert "holds no event" in refused_train(tmp_path, [PROFILE])


def test_the_last_line_may_lack_its_end(tmp_path: Path) -> None:
    path = write_train(write_competition(tmp_path), [[A], [row(2, 1, 0, 5)]])
    path.write_text(path.read_text().rstrip("\n"))
    assert read(tmp_path).train.item.tolist() == [2, 1]


def test_two_sets_in_one_folder(tmp_path: Path) -> None:
    for name in ("TencentGR_1k", "TencentGR_10k"):
        write_competition(tmp_path / "raw" / name)
    assert "holds TencentGR_10k and TencentGR_1k; name one of them with RAW=DIR" in refusal(tmp_path / "raw")


def test_an_archive_left_packed(tmp_path: Path) -> None:
    (tmp_path / "TencentGR_1k.zip").write_bytes(b"PK")
    assert f"{tmp_path / 'TencentGR_1k.zip'} lies there packed: unpack it" in refusal(tmp_path)


@pytest.mark.parametrize("name", [schema.PREDICT_SEQUENCES, schema.CANDIDATES])
def test_one_of_the_predict_files_alone(tmp_path: Path, name: str) -> None:
    (write_competition(tmp_path) / "eval" / name).unlink()
    assert f"{name} is missing from" in refusal(tmp_path)
