"""Runs in a build folder, written by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.common.day.records import write_run

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A run with a record and the scores of its queries; board scores lie in data/ of the same folder."""
    monkeypatch.chdir(tmp_path)

    def write(run: str, scores: Any, name: str = "news", **changed: Any) -> Path:
        return write_run(tmp_path / "build" / name / run, scores, **changed)

    return write
