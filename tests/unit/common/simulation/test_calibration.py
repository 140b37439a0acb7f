"""The calibration table, its numbers by hand."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from common.day.hosts import REPORT
from common.engine.errors import UserError
from common.simulation.calibration import Measure, calibrate, quantiles, top_share

CLICKS = pl.LazyFrame({"item": [1, 1, 1, 2, 2, 3], "age": [0.0, 1.0, 2.0, 3.0, 4.0, None]})


def test_measured_stands_beside_published_at_the_scale(tmp_path: Path) -> None:
    measures = [
        Measure("clicks", pl.len(), 20, "host", "with scale"),
        Measure("items", pl.col("item").n_unique(), 9, "host", "otherwise"),
        Measure("new", (pl.col("age") < 1).mean(), 0.5),
        Measure("none", pl.col("age").filter(pl.col("age") > 9).mean()),
        *quantiles("age", pl.col("age"), {25: 3.0, 50: None}, "sample"),
    ]
    parts = [(CLICKS, measures), (CLICKS.head(5), [Measure("top", top_share("item", 1), 0.6)])]
    (tmp_path / REPORT).write_text(json.dumps({"scale": 0.5}))
    table = calibrate(tmp_path, parts)
    assert table.columns == ["measure", "simulated", "published", "source"]
    assert table.rows() == [
        ("clicks", 6.0, 10.0, "host"),
        ("items", 3.0, None, "host"),
        ("new", 0.2, 0.5, ""),
        ("none", None, None, ""),
        ("age, 25 %", 1.0, 3.0, "sample"),
        ("age, 50 %", 2.0, None, "sample"),
        ("top", 0.6, 0.6, ""),
    ]
    (tmp_path / REPORT).write_text(json.dumps({"scale": 1.0}))
    assert calibrate(tmp_path, parts)["published"].to_list()[:3] == [20.0, 9.0, 0.5]


def test_nothing_is_read_where_no_simulation_is_finished(tmp_path: Path) -> None:
    def read() -> Iterator[tuple[pl.LazyFrame, Sequence[Measure]]]:
        raise AssertionError
        yield CLICKS, []

    with pytest.raises(UserError, match="no finished simulation"):
        calibrate(tmp_path, read())


def test_a_tenth_of_the_values_may_be_the_top() -> None:
    frame = pl.DataFrame({"item": [*range(19), 0, 0]})
    assert frame.select(top_share("item", pl.col("item").n_unique() // 10)).item() == 3 / 21
