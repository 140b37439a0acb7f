"""One damaged file of a run concerns this run alone, and ends in one sentence there."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.conftest import Call
from tests.unit.common.day.records import make_record, write_run

SOUND, DAMAGED = ("20260101-000000-000", "20260102-000000-000"), "20260103-000000-000"


@pytest.fixture
def build(tmp_path: Path) -> Path:
    for run in (*SOUND, DAMAGED):
        write_run(tmp_path / "build" / "mgtv" / run, [0.5, 0.25])
    return tmp_path / "build"


def check(call: Call, build: Path) -> int:
    """Every verb on the damaged run ends well or in one sentence, the others do not notice; how many were refused. The
    verb lb always is: the run is of simulated data.
    """
    refused = 0
    for verb, *rest in (("report",), ("lb", 0.5), ("compare", f"mgtv/{SOUND[0]}")):
        code, out, err = call(verb, f"mgtv/{DAMAGED}", *rest, "--build", build)
        if code:
            assert (code, err.count("\n")) == (1, 1)
            assert err.startswith("error: ")
        refused += code
    code, out, err = call("runs", "--build", build)
    assert (code, err) == (0, "")
    assert all(run in out for run in (*SOUND, DAMAGED))
    return refused


DAMAGES: dict[str, Callable[[Path], object]] = {
    "nothing in it": lambda path: path.write_bytes(b""),
    "a part of another make": lambda path: path.write_text(json.dumps(msgspec.to_builtins(make_record()) | {"cv": 5})),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", ["run.json", "queries.parquet"])
def test_something_else_in_place_of_a_file(call: Call, build: Path, file: str, damage: str) -> None:
    path = build / "mgtv" / DAMAGED / file
    DAMAGES[damage](path)
    refused = check(call, build)
    assert refused == {"run.json": 3, "queries.parquet": 2}[file]
