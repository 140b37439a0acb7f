"""What a look says of raw files and draws of them."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.day.look.columns import RawTable, describe_columns
from common.day.look.page import Look, build_look, list_drifting

DAY = 86_400_000


def build(*tables: RawTable, **frames: dict[str, pl.DataFrame]) -> str:
    return build_look("news", Path(), "simulated data", Look(tables, frames))


def test_columns_that_drift_are_flagged(tmp_path: Path) -> None:
    rows = 2_000
    train = pl.DataFrame({"id": np.arange(rows), "kind": ["a", "b"] * (rows // 2), "x": np.arange(rows) % 7})
    test = train.with_columns(id=pl.col("id") + rows, kind=pl.lit("b"), x=pl.when(pl.col("x") > 2).then("x"))
    for name, frame in (("train", train), ("test", test)):
        frame.write_parquet(tmp_path / f"{name}.parquet")
    table = RawTable("clicks", {side: [tmp_path / f"{side}.parquet"] for side in ("train", "test")})
    described = describe_columns(table)
    drift = {row["column"]: row["drift"] for row in described}
    assert drift == {"id": 1.0, "kind": 0.5, "x": pytest.approx(3 / 7, abs=0.01)}
    assert list_drifting("clicks", described) == ["clicks: 3 of 3 columns drift: id (1.00), kind (.50), x (.43)."]
    assert ">.5000<" in build(table)


def test_the_sides_of_a_frame_are_drawn_and_the_largest_difference_is_told_first() -> None:
    day = pl.Series(np.repeat([5, 6, 7, 8, 9], 60) * DAY).cast(pl.Datetime("ms"))
    train = pl.DataFrame({"same": [7] * 300, "day": day, "alike": np.arange(300), "text": ["yes"] * 300})
    test = train.with_columns(day=pl.col("day").dt.offset_by("-1d"), text=pl.Series(["yes"] * 144 + ["no"] * 156))
    page = build(Some={"train": train.with_columns(left=pl.col("alike")), "test": test})
    assert re.findall("<figcaption>(.*)</figcaption>", page) == ["day", "alike", "text", "left"]
    assert "days from 1970-01-05" in page
    assert re.findall("<li>(.*)</li>", page) == [
        "text: yes is 100.0 % of train, 48.0 % of test.",
        "day: median 2.00 in test, 3.00 in train.",
    ]
    constant = build(Some={"train": train.select("same")})
    assert "<figcaption>" not in constant
    assert "part-1" not in constant
