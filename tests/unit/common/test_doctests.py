"""The examples in docstrings run and are true, and every formula of ``common.learning`` and ``features`` has one."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ("common", "competitions", "tests/benches")
    for path in sorted((ROOT / room).rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]
# What fits a model by a library is shown by its tests: no three lines would say what comes of it.
FITS = {"gbdt", "fitters"}
FORMULAS = sorted(
    f"common.{room}.{path.stem}"
    for room in ("learning", "features")
    for path in (ROOT / "common" / room).glob("[a-z]*.py")
    if path.stem not in FITS
)


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_true(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted
    assert not result.failed


def test_the_example_of_the_toolbox_is_true() -> None:
    result = doctest.testfile(str(ROOT / "common" / "README.md"), module_relative=False)
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize("name", FORMULAS)
def test_every_public_function_that_computes_has_an_example(name: str) -> None:
    module = importlib.import_module(name)
    functions = inspect.getmembers(module, lambda each: inspect.isfunction(each) and each.__module__ == module.__name__)
    hidden = ("_", "lightgbm_")  # objectives and metrics as LightGBM calls them: wrappers
    public = {name: inspect.getdoc(function) or "" for name, function in functions if not name.startswith(hidden)}
    assert [name for name, text in public.items() if ">>>" not in text] == []
