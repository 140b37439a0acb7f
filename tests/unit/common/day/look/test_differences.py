"""What a look says in sentences, beside shares made by hand."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.day.look.columns import RawTable, describe_columns
from common.day.look.differences import Sentence, list_drifting, list_sentences, measure_distance
from common.day.look.distributions import histogram, share_values, timeline
from common.day.look.page import Look, build_look
from common.io.notes import Note, pool_notes

DAY = 86_400_000


def say(*pictures: object) -> list[str]:
    return [sentence.text for sentence in list_sentences({"a": list(pictures)})]  # type: ignore[arg-type]


def test_sides_that_differ_have_a_sentence_the_largest_difference_first() -> None:
    days = {"train": np.repeat([5, 6, 7, 8, 9], 60) * DAY, "test": np.repeat([4, 5, 6, 7, 8], 60) * DAY}
    booked = {"train": pl.Series(["yes"] * 300), "test": pl.Series(["yes"] * 144 + ["no"] * 156)}
    alike = {"train": np.arange(300), "test": np.arange(300)}
    assert say(
        histogram("Alike", "x", alike),
        timeline("Clicks by day", days),
        share_values("Booked by the traveller", booked),
        None,
    ) == ["yes is 100.0 % of train, 48.0 % of test.", "test is earlier than train: median day 2.0 against 3.0."]
    cabins = {"train": pl.Series(["economy"] * 300), "test": pl.Series(["economy", "first"] * 150)}
    assert say(share_values("Cabin", cabins)) == ["economy is 100.0 % of train, 50.0 % of test."]
    same = {"train": np.array([1, 2, 2, 3] * 100), "test": np.array([0, 2, 2, 9] * 100)}
    assert say(histogram("Clicks", "clicks", same)) == [
        "train and test have the same median, 2.00, but different shapes."
    ]
    other = {"train": np.array([1, 2, 3] * 100), "test": np.array([1, 5, 9] * 100)}
    assert say(histogram("Clicks", "clicks", other)) == ["median 5.00 in test, 2.00 in train."]


def test_a_difference_that_is_chance_or_little_has_none() -> None:
    few = {"train": pl.Series([1, 1, 0, 1, 1]), "test": pl.Series([0, 1, 0, 0, 1])}
    assert say(share_values("x", few)) == []
    little = {"train": pl.Series([1] * 95_000 + [0] * 5_000), "test": pl.Series([1] * 90_000 + [0] * 10_000)}
    assert say(share_values("x", little)) == []
    assert say(histogram("one side", "x", {"train": [1.0, 2.0]})) == []


def test_distances_are_those_of_the_textbook() -> None:
    one, other = np.repeat([1, 2, 3], [200, 100, 100]), np.repeat([1, 2, 3], [100, 100, 200])
    steps = histogram("x", "", {"a": one, "b": other})
    labels = share_values("x", {"a": pl.Series(one), "b": pl.Series(other)})
    assert steps is not None
    assert labels is not None
    assert measure_distance(steps) == pytest.approx(0.25)  # cumulated .5, .75, 1 beside .25, .5, 1
    assert measure_distance(labels) == pytest.approx(0.25)  # (.25 + 0 + .25) / 2


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
    assert list_drifting("clicks", described, "columns") == [
        Sentence("Columns of clicks", "columns", "3 of 3 columns drift: id (no overlap), kind (.50), x (.43).")
    ]
    page = build_look("news", tmp_path, "simulated data", Look([table], {}))
    assert page.count('class="sketch"') == 2  # an id says nothing by its order, but by what both sides have
    assert ">no overlap<" in page


def test_a_column_is_drawn_by_its_kind_and_a_constant_is_not() -> None:
    day = pl.Series([0, DAY, 5 * DAY]).cast(pl.Datetime("ms"))
    train = pl.DataFrame(
        {"same": [7] * 3, "number": [1, 2, 2], "day": day, "text": ["a", "b", None], "left": [1, 2, 3]}
    )
    test = train.with_columns(number=pl.lit(9)).drop("left")
    page = build_look("news", Path(), "simulated data", Look([], {"Some": {"train": train, "test": test}}))
    assert re.findall("<figcaption>(.*)</figcaption>", page) == ["number", "day", "text", "left"]
    assert "days from 1970-01-01" in page
    constant = build_look("news", Path(), "simulated data", Look([], {"None": {"train": train.select("same")}}))
    assert "<figcaption>" not in constant
    assert "part-0" not in constant


def test_rows_are_taken_evenly_where_a_table_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.day.look.columns.SAMPLE_ROWS", 100)
    pl.DataFrame({"x": np.arange(1_000)}).write_csv(tmp_path / "a.csv")
    (row,) = describe_columns(RawTable("t", {"all": [tmp_path / "a.csv"]}))
    assert (row["different"], row["from"], row["to"]) == (100, 0.0, 990.0)


def test_notes_of_one_kind_share_a_row() -> None:
    notes = [Note(f"day{day}", "play of no click", day, "kept") for day in range(1, 4)]
    notes += [Note("i.pkl", f"feature {n} is unknown", 2, "cold") for n in (11, 12)]
    assert pool_notes(notes) == [
        Note("day1 and 2 more", "play of no click", 6, "kept"),
        Note("i.pkl and 1 more", "feature … is unknown", 4, "cold"),
    ]
