"""A worker computes by modules as they were when it imported them: for their text of today it is another revision."""

import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from common.engine import cluster
from common.engine.errors import UserError
from common.engine.run import Run
from common.engine.step_key import Keys

STEPS = """import importlib

import late_import

def first(number: int) -> int:
    importlib.import_module("later_import")
    return number

def by_late(number: int) -> int:
    return late_import.add(number)

def by_later(number: int) -> int:
    import later_import
    return later_import.add(number)
"""
ADD = "def add(number: int) -> int:\n    return number + 1\n"


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Modules that this process imports after its worker has begun."""
    for name, text in {"late_steps": STEPS, "late_import": ADD, "later_import": ADD}.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    worker = SimpleNamespace(name="one", state=SimpleNamespace(nthreads=1))
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=lambda: worker))
    keys = Keys(tmp_path, tmp_path)
    monkeypatch.setattr(cluster, "_open_keys", lambda: keys)
    cluster._open_store.cache_clear()
    yield importlib.import_module("late_steps")
    for name in ("late_steps", "late_import", "later_import"):
        sys.modules.pop(name, None)


def send(folder: Path, function: Callable[..., Any], number: int) -> str:
    """What the worker says to a step of a run that begins now."""
    run = Run(folder / "run", folder / "cache", quiet=True, root=folder)
    (run.cache / "mark").mkdir(exist_ok=True)
    key = run._keys.key(function, (number,))
    return cluster.compute_sent((run.cache, "mark", function.__name__, key), pickle.dumps((function, (number,))))


@pytest.mark.parametrize(("kept", "edited"), [(True, "late"), (False, "later")])
def test_a_module_that_was_edited_behind_its_import_is_refused(
    steps: ModuleType, tmp_path: Path, kept: bool, edited: str
) -> None:
    """Whether it was imported with the module of the step, or by the step."""
    if kept:
        Run(tmp_path / "run", tmp_path / "cache", quiet=True, root=tmp_path).step(steps.first, 1)
    assert send(tmp_path, steps.first, 1) == "one"
    (tmp_path / f"{edited}_import.py").write_text(ADD.replace("1", "5"))
    with pytest.raises(UserError, match=f"worker one has a different by_{edited}"):
        send(tmp_path, getattr(steps, f"by_{edited}"), 1)
