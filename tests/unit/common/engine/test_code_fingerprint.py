"""Source edits: an edit of anything that a step reaches changes its key, any other edit keeps it."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.engine.run import Run
from common.engine.step_key import Keys

HELPERS = '''
"""Helpers."""
from functools import wraps
from typing import NamedTuple

LIMIT: int = 3
TABLE = {}
TABLE.update(low=1)

def cap(x):
    return min(x, LIMIT)

def unrelated(x):
    return x

def traced(function):
    @wraps(function)
    def inner(*args):
        return function(*args)
    return inner

class Base:
    size: int = 1

class Scale(Base):
    """Scales."""

    def apply(self, x):
        return x * self.size

class Named:
    pass

class Span(NamedTuple):
    first: int

    def length(self):
        return self.first

class Unused:
    pass
'''
STEPS = '''
"""Steps."""
import math as maths
from shop import helpers, whole
from shop.helpers import Scale as Resize, Named, Unused, traced
import shop.deep.inner

WEIGHT = 10
CHOICES = {"double": lambda x: double(x)}
try:
    import nothing_of_this_name as fast
except ImportError:
    fast = None

def double(x):
    return 2 * x

def other(x):
    return x

@traced
def total(x: int, flag: Named = None):
    """Add."""
    # a comment
    from shop.late import extra
    other = WEIGHT
    value: int = helpers.cap(x) + other + Resize().apply(x) + extra(x) + shop.deep.inner.depth(x)
    value += helpers.TABLE["low"] + maths.floor(x) + getattr(whole, "any")(x)
    return CHOICES["double"](value) + (fast is None) + plain(x)

def plain(x: Unused) -> Unused:
    return x

'''
SOURCES = {
    "__init__": "",
    "helpers": HELPERS,
    "steps": STEPS,
    "late": "def extra(x):\n    return more(x)\n\ndef more(x):\n    return x + 1\n",
    "whole": "def any(x):\n    return x\n",
    "deep/__init__": "",
    "deep/inner": "from ..late import more as again\n\ndef depth(x):\n    return again(x)\n",
}


def forget(package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, source in SOURCES.items():
        file = tmp_path / "shop" / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    forget("shop")


def key_of(root: Path) -> str:
    forget("shop")
    return Keys(root / "cache", root).key(importlib.import_module("shop.steps").total, (1,))


def edit(root: Path, module: str, old: str, new: str) -> None:
    file = root / "shop" / f"{module}.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


KEPT = [
    ("steps", "# a comment", "# another comment"),
    ("steps", '"""Add."""', '"""Add up."""'),
    ("steps", "2 * x", "(2 * x)"),
    ("steps", "def other(x):\n    return x", "def other(x):\n    return 5"),  # hidden by a local name
    ("helpers", "class Unused:\n    pass", "class Unused:\n    size = 1"),  # of a signature alone
    ("helpers", "def unrelated(x):\n    return x", "def unrelated(x):\n    return 7"),
    ("steps", "value: int =", "value: float ="),
    ("helpers", '"""Helpers."""', '"""Other helpers."""\n'),
]
CHANGED = [
    ("steps", "2 * x", "3 * x"),
    ("steps", "WEIGHT = 10", "WEIGHT = 11"),
    ("steps", "fast = None", "fast = 1"),
    ("steps", "@traced\n", ""),
    ("steps", "import math as maths", "import cmath as maths"),
    ("steps", "flag: Named = None", "flag: Named = 1"),
    ("helpers", "min(x, LIMIT)", "max(x, LIMIT)"),
    ("helpers", "LIMIT: int = 3", "LIMIT: int = 4"),
    ("helpers", "low=1", "low=2"),
    ("helpers", "x * self.size", "x / self.size"),
    ("helpers", "size: int = 1", "size: int = 2"),
    ("helpers", "return function(*args)", "return -function(*args)"),
    ("late", "x + 1", "x + 2"),
    ("whole", "return x", "return -x"),
    ("deep/inner", "again(x)", "-again(x)"),
    ("deep/inner", "more as again", "extra as again"),
]


@pytest.mark.parametrize(("module", "old", "new"), [*KEPT, *CHANGED])
def test_an_edit_of_anything_reached_changes_the_key_and_no_other_edit(
    shop: Path, module: str, old: str, new: str
) -> None:
    before = key_of(shop)
    edit(shop, module, old, new)
    assert (key_of(shop) != before) is ((module, old, new) in CHANGED)


def test_a_file_edited_during_the_run_keeps_the_key_of_the_code_that_runs(shop: Path) -> None:
    steps = importlib.import_module("shop.steps")
    keys = Keys(shop / "cache", shop)
    edit(shop, "helpers", "min(x, LIMIT)", "max(x, LIMIT)")
    during = keys.key(steps.total, (1,))
    edit(shop, "helpers", "max(x, LIMIT)", "min(x, LIMIT)")
    assert during == key_of(shop)


def test_source_outside_the_root_counts_by_its_version_only(shop: Path) -> None:
    steps = importlib.import_module("shop.steps")
    before = Keys(shop / "cache", shop / "elsewhere").key(steps.total, (1,))
    edit(shop, "steps", "2 * x", "3 * x")
    assert Keys(shop / "cache", shop / "elsewhere").key(steps.total, (1,)) == before


def test_a_method_of_a_value_counts_whatever_kind_of_class_it_is_of(shop: Path) -> None:
    def key_of_argument() -> str:
        forget("shop")
        helpers = importlib.import_module("shop.helpers")
        return Keys(shop / "cache", shop).key(helpers.unrelated, (helpers.Span(1),))

    before = key_of_argument()
    edit(shop, "helpers", "return self.first", "return -self.first")
    assert key_of_argument() != before


def test_what_is_edited_between_two_fits_is_not_what_the_second_was_computed_by(shop: Path) -> None:
    forget("shop")
    total = importlib.import_module("shop.steps").total
    run = Run(shop / "run", shop / "cache", root=shop)
    run.step(total, 1)
    edit(shop, "steps", "2 * x", "3 * x")
    again, anew = run.again(), Run(shop / "run", shop / "cache", root=shop)
    again.step(total, 1)
    anew.step(total, 1)
    assert [one.timings[-1].kept for one in (run, again, anew)] == [False, True, False]
