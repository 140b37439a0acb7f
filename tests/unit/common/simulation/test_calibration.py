"""The calibration table, its numbers by hand."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from common.day.hosts import REPORT
from common.engine.errors import UserError
from common.simulation.calibration import calibrate

CLICKS = pl.LazyFrame({"item": [1, 1, 1, 2, 2, 3], "age": [0.0, 1.0, 2.0, 3.0, 4.0, None]})
PUBLISHED = """frame,measure,expression,published,source,grows
clicks,clicks,count(*),20,2024,with scale
clicks,items,count(distinct item),9,2024,otherwise
clicks,new,avg(age < 1),0.5,2021,not at all
clicks,none,sum(age) filter (where age > 9) / count(age) filter (where age > 9),,,not at all
clicks,"age, 25 %","quantile_cont(age, 0.25)",3,2024,not at all
first clicks,top,avg(item = 1),0.6,2024,not at all
"""


def test_measured_stands_beside_published_at_the_scale(tmp_path: Path) -> None:
    frames = [("clicks", CLICKS), ("first clicks", CLICKS.head(5))]
    published = tmp_path / "published.csv"
    published.write_text(PUBLISHED)
    (tmp_path / REPORT).write_text(json.dumps({"scale": 0.5}))
    table = calibrate(tmp_path, published, frames, without="2021")
    assert table.columns == ["measure", "simulated", "published", "source"]
    assert table.rows() == [
        ("clicks", 6.0, 10.0, "2024"),
        ("items", 3.0, None, "2024"),
        ("new", 0.2, None, ""),
        ("none", None, None, ""),
        ("age, 25 %", 1.0, 3.0, "2024"),
        ("top", 0.6, 0.6, "2024"),
    ]
    (tmp_path / REPORT).write_text(json.dumps({"scale": 1.0}))
    assert calibrate(tmp_path, published, frames)["published"].to_list()[:3] == [20.0, 9.0, 0.5]


def test_nothing_is_read_where_no_simulation_is_finished(tmp_path: Path) -> None:
    def read() -> Iterator[tuple[str, pl.LazyFrame]]:
        raise AssertionError
        yield "clicks", CLICKS

    with pytest.raises(UserError, match="no finished simulation"):
        calibrate(tmp_path, tmp_path / "published.csv", read())
