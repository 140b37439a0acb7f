"""What all tests share."""

import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from competitions import __main__ as command_line

Told = tuple[int, str, str]  # exit code, stdout, stderr
Call = Callable[..., Told]

# A time limit on an example would make a busy machine fail the tests.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several processes share the tests: a competition's contract goes to one, a module of other tests to one."""
    for item in items:
        asked = getattr(getattr(item, "callspec", None), "params", {}).get("competition")
        item.add_marker(pytest.mark.xdist_group(asked.name if hasattr(asked, "name") else str(item.path)))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run the command line with these words inside this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Told:
        monkeypatch.setattr(sys, "argv", ["competitions", *map(str, words)])
        code = 0
        try:
            command_line.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run
