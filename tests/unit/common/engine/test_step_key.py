"""Keys: parameters and files change a key when their content does, and never otherwise."""

import datetime
import enum
import functools
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl
import pytest

from common.engine import step_key
from common.engine.errors import UserError
from common.engine.step_key import Digests, Keys
from common.learning import gbdt


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Shape(msgspec.Struct, frozen=True):
    size: int
    parts: tuple[int, ...] = ()

    @classmethod
    def unit(cls) -> "Shape":
        return cls(1)


class Grid(Shape, frozen=True):
    pass


@dataclass
class Point:
    x: float


class Pair(NamedTuple):
    a: int
    b: int


def identity(value: object) -> object:
    return value


def constant(value: object) -> object:
    return 1


def parameter_key(tmp_path: Path, *args: Any) -> str:
    return Keys(tmp_path).key(identity, args)


# each twice, built anew: equal values must agree, and no two different ones
VALUES: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: 1,
    lambda: 1.0,
    lambda: "1",
    lambda: b"1",
    lambda: np.float32(1),
    lambda: np.int64(1),
    lambda: (),
    lambda: [],
    lambda: {},
    lambda: (1, 2),
    lambda: [1, 2],
    lambda: ((1,), 2),
    lambda: (1, (2,)),
    lambda: Pair(1, 2),
    lambda: {"a": 1, "b": 2},
    lambda: {"b": 2, "a": 1},
    lambda: datetime.date(2020, 1, 1),
    lambda: Colour.RED,
    lambda: Colour.BLUE,
    lambda: Shape(1),
    lambda: Shape(1, (2,)),
    lambda: Point(1),
    lambda: Point(2.0),
    lambda: identity,
    lambda: constant,
    lambda: Shape,
    lambda: Shape.unit,
    lambda: Grid.unit,
    lambda: functools.partial(identity, 1),
    lambda: functools.partial(identity, 2),
    lambda: functools.partial(identity, value=1),
    lambda: functools.partial(identity, value=2),
    lambda: np.arange(12)[:6],
    lambda: np.arange(1, 7),
    lambda: np.arange(6, dtype=np.int32),
    lambda: np.arange(6).reshape(2, 3),
    lambda: float("nan"),
    lambda: ("ab", "c"),
    lambda: ("a", "bc"),
]


def test_equal_parameters_agree_and_different_ones_differ(tmp_path: Path) -> None:
    keys, again = Keys(tmp_path), Keys(tmp_path)
    once = [keys.key(identity, [value()]) for value in VALUES]
    assert once == [again.key(identity, [value()]) for value in VALUES]
    assert len(set(once)) == len(VALUES)


def test_what_cannot_be_hashed_is_refused_by_name(tmp_path: Path) -> None:
    def inner() -> int:
        return 1

    def typed() -> int:
        return 1

    typed.__module__, typed.__qualname__ = "__main__", "typed"  # as in a notebook
    keys = Keys(tmp_path)
    frame, expression, method = pl.DataFrame({"a": [1]}), {"a": pl.col("a")}, Shape(1).__repr__
    for value in (np.array([object()]), frame, object(), lambda: 1, [object()], expression, method, inner, typed):
        with pytest.raises(TypeError, match=r"argument 0 of step identity: .* cannot enter a key"):
            keys.key(identity, [value])
    with pytest.raises(TypeError, match="cannot enter a key"):
        keys.key(inner, ())


def test_a_file_counts_by_name_and_content_and_must_be_there(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "clicks.csv", tmp_path / "b" / "clicks.csv"
    for file in (first, second):
        file.parent.mkdir()
        file.write_text("1,2\n")
    assert parameter_key(tmp_path, first) == parameter_key(tmp_path, second)
    second.write_text("1,3\n")
    assert parameter_key(tmp_path, first) != parameter_key(tmp_path, second)
    for path, words in ((tmp_path / "absent.csv", r"absent\.csv does not exist"), (tmp_path, "is a directory")):
        with pytest.raises(UserError, match=words):
            parameter_key(tmp_path, path)


def test_a_file_is_read_once_it_has_settled_and_again_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, kept = tmp_path / "clicks.csv", tmp_path / "digests.json"
    file.write_text("1,3\n")
    fresh, state = Digests(kept).digest(file), file.stat()
    file.write_text("1,2\n")  # within one tick of a clock
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    monkeypatch.setattr("common.engine.step_key.SETTLED_NS", -1)
    before = Digests(kept).digest(file)
    assert before != fresh
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", lambda *_: pytest.fail("it was read again"))
        assert Digests(kept).digest(file) == before
    for damaged in (b'{"a": 1', b'{"a\xff": [1, 2, 3, "x"]}'):
        kept.write_bytes(damaged)
        assert Digests(kept).digest(file) == before
    file.write_text("1,3\n")
    os.utime(file, ns=(1, 1))
    assert Digests(kept).digest(file) != before


def import_inside(value: float) -> float:
    import lightgbm as trees
    from scipy.special import expit

    return float(expit(value)) if trees else 0.0


@pytest.mark.parametrize(
    ("changed", "function", "changes"),
    [
        ("polars", identity, True),  # which frames are of
        ("lightgbm", identity, False),
        ("scipy", import_inside, True),
        ("catboost", gbdt.fit, True),  # whose families import their library where they fit
    ],
)
def test_the_version_of_a_package_that_is_reached_changes_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, function: Callable[..., Any], changes: bool
) -> None:
    monkeypatch.setattr("common.engine.step_key._version", lambda package: "1")
    before = Keys(tmp_path).key(function, (1,))
    monkeypatch.setattr("common.engine.step_key._version", lambda package: "99" if package == changed else "1")
    assert (Keys(tmp_path).key(function, (1,)) != before) is changes


def test_the_version_of_a_package_is_that_of_its_distribution_whatever_its_name() -> None:
    for package in ("sklearn", "faiss", "xgboost"):  # of scikit-learn, faiss-cpu and, on some machines, xgboost-cpu
        assert step_key._version(package) == importlib.import_module(package).__version__
    assert step_key._version("nothing_of_this_name") == "unknown"
