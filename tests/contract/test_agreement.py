"""Files that cannot be of one log are named on the console and in the record, before anything is fitted on them, and by
the look at the raw files.
"""

from pathlib import Path

import pytest

from common.day.look.page import PAGE
from tests.conftest import Call
from tests.contract.contract import Contract, Finished, solve


@pytest.mark.each_nightly
def test_a_moved_file_is_named_before_the_first_fit(
    contract: Contract, folder: Path, call: Call, tmp_path: Path
) -> None:
    if contract.move is None:
        pytest.skip(f"{contract.name} compares no files yet")
    expected = contract.move(folder)
    moved = solve(call, contract, folder, tmp_path / "build", *contract.quick, options=["--until", "cv"])
    lines = moved.err.splitlines()
    (said, *_) = [at for at, line in enumerate(lines) if line.startswith("  CHECK ") and expected in line]
    fitted = [at for at, line in enumerate(lines) if "fit" in line.split()[0]]
    assert fitted
    assert said < fitted[0]
    assert any(expected in note["what"] for note in moved.record["notes"])
    code, _, err = call("look", contract.name, "--raw", folder, "--build", tmp_path / "build")
    assert code == 0, err
    assert expected in (tmp_path / "build" / contract.name / "look" / PAGE).read_text()


def test_the_sound_files_are_not_named(finished: Finished) -> None:
    assert [note for note in finished.record["notes"] if note["done"].startswith("used as it is")] == []
