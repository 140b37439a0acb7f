"""The calibration table, its numbers by hand."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from common.day.hosts import REPORT
from common.engine.errors import UserError
from common.simulation.calibration import Measures, calibrate, quantiles

CLICKS = pl.LazyFrame({"item": [1, 1, 1, 2, 2, 3], "age": [0.0, 1.0, 2.0, 3.0, 4.0, None]})
PUBLISHED = """measure,published,source,grows
clicks,20,2024,with scale
items,9,2024,otherwise
new,0.5,2021,not at all
"age, 25 %",3,2024,not at all
top,0.6,2024,not at all
"""


def test_measured_stands_beside_published_at_the_scale(tmp_path: Path) -> None:
    measures = {
        "clicks": pl.len(),
        "items": pl.col("item").n_unique(),
        "new": (pl.col("age") < 1).mean(),
        "none": pl.col("age").filter(pl.col("age") > 9).mean(),
        **quantiles("age", pl.col("age"), (25, 50)),
    }
    parts = [(CLICKS, measures), (CLICKS.head(5), {"top": (pl.col("item") == 1).mean()})]
    published = tmp_path / "published.csv"
    published.write_text(PUBLISHED)
    (tmp_path / REPORT).write_text(json.dumps({"scale": 0.5}))
    table = calibrate(tmp_path, published, parts, without="2021")
    assert table.columns == ["measure", "simulated", "published", "source"]
    assert table.rows() == [
        ("clicks", 6.0, 10.0, "2024"),
        ("items", 3.0, None, "2024"),
        ("new", 0.2, None, ""),
        ("none", None, None, ""),
        ("age, 25 %", 1.0, 3.0, "2024"),
        ("age, 50 %", 2.0, None, ""),
        ("top", 0.6, 0.6, "2024"),
    ]
    (tmp_path / REPORT).write_text(json.dumps({"scale": 1.0}))
    assert calibrate(tmp_path, published, parts)["published"].to_list()[:3] == [20.0, 9.0, 0.5]


def test_nothing_is_read_where_no_simulation_is_finished(tmp_path: Path) -> None:
    def read() -> Iterator[tuple[pl.LazyFrame, Measures]]:
        raise AssertionError
        yield CLICKS, {}

    with pytest.raises(UserError, match="no finished simulation"):
        calibrate(tmp_path, tmp_path / "published.csv", read())
