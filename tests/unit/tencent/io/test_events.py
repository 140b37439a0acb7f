"""The lines of the competition layout: profile rows, actions, unseen items, order, users, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from competitions.tencent.corpus import Corpus
from competitions.tencent.io import schema
from tests.unit.tencent.tencent_files import (
    BASE,
    counts,
    profile,
    read,
    refusal,
    row,
    write_competition,
    write_test,
    write_train,
)

A, B, C = row(1, 2, 0, 100), row(1, 1, 1, 200), row(1, 3, None, 300)
OTHER = row(2, 1, 0, 5)
PROFILE = profile(1, {"103": 5})
Write = Callable[[Path, Any], Path]


def train(folder: Path, *lines: Any) -> Corpus:
    """The folder with other lines to learn from."""
    write_train(write_competition(folder), lines)
    return read(folder)


def read_test(folder: Path, *lines: Any) -> Corpus:
    write_test(write_competition(folder), lines)
    return read(folder)


def refused(folder: Path, write: Write, *lines: Any) -> str:
    path = write(write_competition(folder), lines)
    return refusal(path, lambda path: read(folder))


@pytest.mark.parametrize(("row", "seconds"), [(0, 10**9), (1, None), (2, 1), (3, 1)])
def test_a_profile_row_stands_anywhere_and_is_not_looked_at(tmp_path: Path, row: int, seconds: int | None) -> None:
    events = [A, B, C]
    result = train(tmp_path, [*events[:row], profile(1, {"103": [-1]}, seconds), *events[row:], PROFILE])
    assert "user with events out of time order: sorted" not in counts(result)
    assert result.train.item.tolist() == [2, 1, 3]
    assert result.train.action.tolist() == [0, 1, -1]
    assert result.train.time.tolist() == [100, 200, 300]


def test_events_out_of_order_are_sorted_stably(tmp_path: Path) -> None:
    events = [(3, 0, 50), (1, 1, 20), (2, 2, 50), (3, None, 20), (1, 0, 10)]
    result = train(tmp_path, [row(2, 1, 0, 30)], [row(1, *event) for event in events], [])
    assert result.train.item.tolist() == [1, 1, 3, 3, 2, 1]
    assert result.train.action.tolist() == [0, 1, -1, 0, 2, 0]
    assert result.train.time.tolist() == [10, 20, 20, 50, 50, 30]
    assert counts(result)["user with events out of time order: sorted"] == (1, "line 2")


def test_users_without_events_are_dropped_to_learn_from_and_kept_to_answer(tmp_path: Path) -> None:
    write_competition(tmp_path)
    write_train(tmp_path, [[], [PROFILE], [row(2, 1, 0, 5)], []])
    write_test(tmp_path, [[row(2, 1, 0, 5)], [PROFILE]])
    result = read(tmp_path)
    assert result.users.tolist() == [b"user_00000002"]
    assert result.train.offsets.tolist() == [0, 1]
    assert result.test_users.tolist() == [b"user_00000002", b"user_00000005"]
    assert result.test.offsets.tolist() == [0, 1, 1]
    notes = [note for note in result.notes if note.what == "user without an event"]
    assert [(note.file, note.rows, note.done) for note in notes] == [
        (schema.SEQUENCES, 3, "line 1"),
        (schema.PREDICT_SEQUENCES, 1, "line 2"),
    ]


def test_unseen_items_of_predict_sequences_stand_behind_the_known_ones(tmp_path: Path) -> None:
    result = read_test(
        tmp_path,
        [row(1, BASE + 30, 0, 100, {"100": 4, "121": "new"}), A, row(1, BASE + 20, 1, 200)],
        [
            row(2, BASE + 20, 1, 5, {"100": 7}),
            row(2, BASE + 30, 1, 6, {"100": 1}),
            row(2, BASE + 3, 1, 7),
            row(2, BASE + 8, 0, 8, {"100": 5}),
        ],
    )
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
    write_competition(tmp_path)
    write_train(tmp_path, [[row("user_00000002", 1, 0, 5)], [A]])
    write_test(tmp_path, [[row("user_99999999", 1, 0, 5)], [row("user_00000005", 2, 0, 5)], [row(2, 3, 0, 5)]])
    result = read(tmp_path)
    assert result.users.tolist() == [b"user_00000005", b"user_00000002"]
    assert result.train.item.tolist() == [2, 1]
    assert result.test_users.tolist() == [b"user_99999999", b"user_00000005", b"user_00000002"]
    assert result.test.item.tolist() == [1, 2, 3]


# --- refused ---

FAULTS: dict[str, tuple[Any, str]] = {
    "blank": ("", "the line is blank"),
    "an item beyond 64 bits": ([row(1, 1 << 64, 0, 100)], "Expected"),
    "five fields": ([A[:5]], "Expected `array` of length 6"),
    "item 0": ([row(1, 0, 0, 100)], "Expected `int` >= 1"),
    "action 3": ([row(1, 2, 3, 100)], "Expected `int` <= 2"),
    "negative time": ([row(1, 2, 0, -1)], "Expected `int` >= 0"),
    "no user": ([row(None, 2, 0, 100)], "Expected `int | str`, got `null`"),  # type: ignore[arg-type]
    "two users": ([A, row(2, 1, 0, 200)], "rows of different users in one line"),
    "odd name": ([row("ü", 2, 0, 100)], "'ü' is not a user name"),
}


@pytest.mark.parametrize("write", [write_train, write_test])
@pytest.mark.parametrize("name", FAULTS)
def test_a_line_that_is_refused(tmp_path: Path, name: str, write: Write) -> None:
    line, reason = FAULTS[name]
    good = [row("user_00000002", 1, 0, 5)]
    message = refused(tmp_path, write, good, line, good)
    assert "seq.jsonl, line 2: " in message
    assert reason in message


@pytest.mark.parametrize(
    ("write", "lines", "reason"),
    [
        (write_train, ([OTHER], [A, row(1, 4, 0, 200)]), "line 2: item 4 is beyond the 3 items of the indexer"),
        (write_train, ([OTHER], [row("user_7", 1, 0, 5)]), "line 2: user 'user_7' is not in the indexer"),
        (write_train, ([OTHER], [row(3, 1, 0, 5)]), "line 2: user 3 is beyond the 2 users of the indexer"),
        (write_test, ([A], []), "line 2: the list is empty, no row names the user"),
        (
            write_test,
            ([OTHER], [A, row(1, BASE + 50, 0, 200, {"100": [1]})]),
            f"line 2: features of item {BASE + 50}: Expected `int | str | null`, got `array`",
        ),
        (write_train, ([OTHER], [A], [B]), "line 3: user 'user_00000005' is there and in line 2"),
        (write_test, ([A], [row("user_00000005", 1, 0, 5)]), "line 2: user 'user_00000005' is there and in line 1"),
        (write_test, ([row("a,b", 1, 0, 5)],), "'a,b' has a comma"),
        (write_train, (), "is empty (0 bytes)"),
        (write_train, ([PROFILE],), "has no event"),
    ],
)
def test_lines_that_are_refused_together(tmp_path: Path, write: Write, lines: tuple[Any, ...], reason: str) -> None:
    assert reason in refused(tmp_path, write, *lines)
