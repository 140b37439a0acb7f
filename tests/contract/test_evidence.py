"""Whatever explains a score may fail: the checked submission and its score stay, on every competition."""

import sys
from typing import NoReturn

import pytest

from tests.conftest import Call
from tests.contract.contract import Contract, Finished, solve

# What each competition's day/judged.py calls, part by part.
BREAKS = {
    "details": ("list_notes", "note_early", "list_tables"),
    "importance": ("measure_importance", "measure_columns"),
    "curves": ("curves",),
    "calibration": ("calibrate", "calibrate_days"),
}


def fail(*_: object) -> NoReturn:
    raise ValueError("broken")


@pytest.mark.each_nightly
def test_whatever_explains_the_score_fails_alone(
    contract: Contract, finished: Finished, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, broken = sys.modules[contract.competition.judge.__module__], set()
    for part, names in BREAKS.items():
        for name in names:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, fail)
                broken.add(part)
    if not broken:
        pytest.skip(f"nothing of {contract.name} explains its score yet")
    again = solve(call, contract, finished.raw, finished.build, code=3)
    assert [one.read_bytes() for one in again.submissions] == [one.read_bytes() for one in finished.submissions]
    assert again.record["cv"] == finished.record["cv"]
    assert again.record["submission"]["rows"] == finished.record["submission"]["rows"]
    assert {one.name for one in again.folder.glob("failed-*")} == {f"failed-{part}.txt" for part in broken}
    assert again.err.splitlines()[-len(broken) :] == again.record["failed"]
    assert all(" failed: ValueError: broken; the submission is checked" in line for line in again.record["failed"])
    assert "ValueError: broken" in (again.folder / "report.html").read_text()
    # What does not hang on them is told as ever.
    answers = finished.record["insight"]["answers"]
    assert again.record["insight"]["answers"] == answers
    assert again.record["rivals"] == finished.record["rivals"]
