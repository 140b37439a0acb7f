"""One damaged run.json, or ladder.json, or lb.json, concerns its own run alone, and ends in one sentence there."""

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.conftest import Call
from tests.unit.common.report.report_record import complete

SOUND, DAMAGED = ("20260101-000000-000", "20260102-000000-000"), "20260103-000000-000"
JUNK: tuple[Any, ...] = (
    None, True, -1, 1.5, 1e308, 10**30, "", "text", "<script>", [], {}, [1], {"a": 1}, [[]], [None], [{}], {"": None},
    ["a"], [{"score": "high"}], {"rows": 5}, "\ud800",
)  # fmt: skip


def write_run(build: Path, run: str) -> Path:
    folder = build / "mgtv" / run
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(complete() | {"run": run}))
    queries = {"query": ["a", "b"], "fold": "day 29", "score": [0.5, 0.25], "devices": ["x", "y"]}
    pl.DataFrame(queries).write_parquet(folder / "queries.parquet")
    return folder


@pytest.fixture
def build(tmp_path: Path) -> Path:
    for run in (*SOUND, DAMAGED):
        write_run(tmp_path / "build", run)
    return tmp_path / "build"


def list_places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a record; of the entries of a long list, the first alone."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from list_places(value[key], (*path, key))
    elif isinstance(value, list) and value:
        yield from list_places(value[0], (*path, 0))


def put(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    record = copy.deepcopy(record)
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return record


def check(call: Call, build: Path) -> None:
    """Every verb on the damaged run ends well or in one sentence; the others do not notice."""
    for words in (("report",), ("lb", 0.5), ("compare", f"mgtv/{SOUND[0]}"), ("runs",)):
        verb, *rest = words
        arguments = rest if verb == "runs" else [f"mgtv/{DAMAGED}", *rest]
        code, out, err = call(verb, *arguments, "--build", build)
        if verb == "runs":
            assert (code, err) == (0, "")
            assert all(run in out for run in (*SOUND, DAMAGED))
        elif code:
            assert (code, err.count("\n")) == (1, 1)
            assert err.startswith("error: ")


def test_a_wrong_value_anywhere_in_a_record(call: Call, build: Path) -> None:
    path = build / "mgtv" / DAMAGED / "run.json"
    sound = json.loads(path.read_text())
    draw = random.Random(1)
    places = list(list_places(sound))
    assert len(places) > 80
    for place in draw.sample(places, 50):  # all of them, with every value, take minutes
        path.write_text(json.dumps(put(sound, place, draw.choice((..., *JUNK)))))
        check(call, build)


def test_damaged_bytes_of_a_record(call: Call, build: Path) -> None:
    path = build / "mgtv" / DAMAGED / "run.json"
    sound = path.read_bytes()
    draw = random.Random(2)
    for trial in range(30):
        damaged = bytearray(sound)
        if trial % 3 == 0:
            del damaged[draw.randrange(len(damaged)) :]
        else:
            for _ in range(draw.choice([1, 8])):
                damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        check(call, build)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a directory": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "brackets": lambda path: path.write_text("[" * 100_000),
    "deep": lambda path: path.write_text('{"a":' * 100_000 + "1" + "}" * 100_000),
    "a number of 5000 digits": lambda path: path.write_text('{"name": ' + "9" * 5000 + "}"),
    "NaN": lambda path: path.write_text('{"name": NaN}'),
    "another encoding": lambda path: path.write_text("{}", encoding="utf-16"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "file", ["run.json", "lb.json", "queries.parquet", "../ladder/ladder.json", "../tuning/a.json"]
)
def test_something_else_in_place_of_a_file(call: Call, build: Path, file: str, damage: str) -> None:
    path = build / "mgtv" / DAMAGED / file
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    DAMAGES[damage](path)
    if file == "run.json" and damage in ("a link to itself",):
        pytest.skip("a link to itself is no file: the run is not listed")
    check(call, build)


@pytest.mark.parametrize("file", ["../ladder/ladder.json", "../tuning/a.json"])
def test_a_wrong_value_in_a_ladder_or_a_study_leaves_it_out(call: Call, build: Path, file: str) -> None:
    path = build / "mgtv" / DAMAGED / file
    path.parent.mkdir()
    sound = {"title": "Ladder", "metric": "score", "study": "s", "importance": {"a": 0.5}, "current": 0.1}
    sound["rows"] = [{"rung": "one", "family": "f", "score": 0.1, "error": 0.1, "seconds": 1, "peak_mib": 1, "x": 1}]
    sound["trials"] = [
        {"number": 0, "value": 0.1, "seconds": 1, "state": "COMPLETE", "worker": "a", "params": {"a": 1}}
    ]
    draw = random.Random(3)
    for place in list_places(sound):
        for value in draw.sample((..., *JUNK[:-1]), 3):
            path.write_text(json.dumps(put(sound, place, value)))
            code, _, err = call("report", f"mgtv/{SOUND[0]}", "--build", build)
            assert (code, err) == (0, "")
