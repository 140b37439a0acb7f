"""What all tests share."""

import dataclasses
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from common.competition import Competition
from common.pipeline import progress
from competitions import __main__ as command_line

CommandResult = tuple[int, str, str]  # exit code, stdout, stderr
Call = Callable[..., CommandResult]

# A time limit on an example would make a busy machine fail the tests.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several processes share the tests: a competition's contract goes to one, a module of other tests to one."""
    for item in items:
        competition = getattr(getattr(item, "callspec", None), "params", {}).get("competition")
        item.add_marker(pytest.mark.xdist_group(getattr(competition, "name", str(item.path))))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run the command line with these words inside this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    progress.set_quiet(False)  # as in a fresh process; another test may have asked for quiet

    def run(*words: object) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["competitions", *map(str, words)])
        code = 0
        try:
            command_line.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def replace_part(monkeypatch: pytest.MonkeyPatch, name: str, **parts: Any) -> Competition:
    """Put other functions into the declaration of a competition, for one test."""
    module = importlib.import_module(f"competitions.{name}.competition")
    competition = dataclasses.replace(module.COMPETITION, **parts)
    monkeypatch.setattr(module, "COMPETITION", competition)
    return competition
