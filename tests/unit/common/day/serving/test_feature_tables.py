"""Tables of an export: mapped, and cut down to what a request can meet."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from common.day.serving.feature_tables import (
    find_spans,
    read_array,
    read_arrays,
    read_keyed,
    read_struct,
    read_table,
    write_array,
    write_arrays,
    write_struct,
    write_table,
)
from common.engine.errors import UserError


class Settings(msgspec.Struct):
    day: int


def draw(seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    key = pl.Series("key", rng.integers(0, 30, 200), pl.Int32).set(pl.Series(rng.random(200) < 0.1), None)
    return pl.DataFrame({"key": key, "value": rng.random(200), "name": ["a", "b"] * 100})


@dataclass(frozen=True)
class Part:
    numbers: NDArray[np.int32]
    width: int


@dataclass(frozen=True)
class Whole:
    parts: dict[str, Part]
    arrays: dict[str, NDArray[np.float64]]
    nothing: dict[str, Part]
    one: Part


@pytest.mark.parametrize("values", [[3], [29, 3, 3], [], [None], [7, None, 99], [-5, 500], list(range(30))])
def test_the_rows_of_some_keys_are_those_of_a_filter(values: list[int | None], tmp_path: Path) -> None:
    frame = draw(0)
    write_table(frame, tmp_path / "table.arrow", "key")
    rows = read_keyed(tmp_path / "table.arrow", "key").take(pl.Series("key", values, pl.Int32))
    present = [key for key in values if key is not None]
    expected = frame.filter(pl.col("key").is_in(present)).sort("key", maintain_order=True)
    assert_frame_equal(rows, expected)


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    frame = draw(1)
    write_table(frame, tmp_path / "new" / "table.arrow")
    assert_frame_equal(read_table(tmp_path / "new" / "table.arrow"), frame)
    write_table(frame.clear(), tmp_path / "empty.arrow", "key")
    assert read_keyed(tmp_path / "empty.arrow", "key").take(pl.Series([1, 2])).height == 0


def test_spans_stand_one_after_the_other_for_every_key() -> None:
    rows, owner = find_spans(np.array([1, 1, 4, 4, 4, 9]), np.array([4, 7, 1, 4]))
    assert rows.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]
    assert owner.tolist() == [0, 0, 0, 2, 2, 3, 3, 3]


def test_arrays_settings_and_a_dataclass_of_arrays_come_back_mapped(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.float16).reshape(3, 4)
    write_array(array, tmp_path / "array.npy")
    mapped = read_array(tmp_path / "array.npy")
    np.testing.assert_array_equal(mapped, array)
    assert isinstance(mapped, np.memmap)
    write_struct(Settings(day=30), tmp_path / "settings.json")
    assert read_struct(tmp_path / "settings.json", Settings).day == 30
    part = Part(np.arange(5, dtype=np.int32), 1 << 40)
    whole = Whole({"b": part, "a": Part(np.empty(0, np.int32), 0)}, {"x.1": np.ones((2, 3))}, {}, part)
    write_arrays(whole, tmp_path / "whole")
    back = read_arrays(tmp_path / "whole", Whole)
    assert back.parts.keys() == {"a", "b"}
    assert back.parts["b"].numbers.tolist() == back.one.numbers.tolist() == [0, 1, 2, 3, 4]
    assert back.parts["b"].width == 1 << 40
    assert back.parts["a"].numbers.dtype == np.int32
    assert back.arrays["x.1"].shape == (2, 3)
    assert back.nothing == {}
    assert isinstance(back.one.numbers.base, np.memmap)
    (tmp_path / "whole" / "one" / "width.npy").unlink()
    with pytest.raises(UserError, match="export the run again"):
        read_arrays(tmp_path / "whole", Whole)


def test_damage_is_named_in_a_sentence(tmp_path: Path) -> None:
    for name, read in {"a.arrow": read_table, "a.npy": read_array}.items():
        with pytest.raises(UserError, match=r"a\.(arrow|npy) cannot be read"):
            read(tmp_path / name)
        (tmp_path / name).write_bytes(b"not this")
        with pytest.raises(UserError, match="export the run again"):
            read(tmp_path / name)
    (tmp_path / "settings.json").write_text('{"day": "thirty"}')
    with pytest.raises(UserError, match="day"):
        read_struct(tmp_path / "settings.json", Settings)
