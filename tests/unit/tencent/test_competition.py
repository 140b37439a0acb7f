"""What the command line does for Tencent: which files, what is simulated, checked and scored, and what is printed."""

from pathlib import Path

from tests.conftest import Call
from tests.unit.tencent.tencent_files import BASE, World, write_competition

MANY = World(candidates=tuple((BASE + place, {"100": 1}) for place in range(20)))


def test_a_run_that_is_refused_leaves_no_folder(call: Call, tmp_path: Path) -> None:
    folder = write_competition(tmp_path / "raw", MANY)
    words = ("run", "tencent", "--raw", folder, "--build", tmp_path / "build", "--set", "host.target=conversion")
    code, out, err = call(*words, "--set", "split.horizon_hours=1", "--set", "split.kind=time")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: No user has a conversion within split.horizon_hours = 1")
    assert [path.name for path in (tmp_path / "build" / "tencent").iterdir()] == ["cache"]
