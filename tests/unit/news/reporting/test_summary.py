"""The closing summary: recall by channel and for the union on a hand-computed fold, and the folds side by side."""

from typing import Any, cast

import polars as pl
import pytest

from common.pipeline.run import Result
from common.split import Fold
from competitions.news.reporting.summary import Outcome, compare_folds, measure_recall
from tests.unit.news.news_world import START

SCORED = {"query": pl.Int32, "item": pl.Int32, "score": pl.Float32}
DAY_MS = 86_400_000


def channel(*lists: list[int]) -> pl.DataFrame:
    """Lists of items, one per query 0, 1, 2 …, best first."""
    rows = [(query, item, 1.0 / rank) for query, items in enumerate(lists) for rank, item in enumerate(items, 1)]
    return pl.DataFrame(rows, schema=SCORED, orient="row")


@pytest.fixture
def fold() -> Fold:
    """Validation queries 0, 1, 2 and 4, query 3 for training; item 7 is always right."""
    queries = pl.DataFrame(
        {"query": range(5), "role": ["valid", "valid", "valid", "train", "valid"]},
        schema={"query": pl.Int32, "role": pl.String},
    )
    answers = queries.select("query", item=pl.lit(7, pl.Int32))
    return Fold(pl.DataFrame(), queries, pl.DataFrame(), answers)


@pytest.fixture
def measured(fold: Fold) -> dict[str, dict[str, float]]:
    twelve = [*range(100, 111), 7]
    channels = {
        "near": channel([7, 1], [1, 2, 3, 4, 5, 7], [1], [7], [2]),
        "hot": channel([1, 7], [8], twelve, [7], [9]),
        "none": channel([], [], [], [7]),
    }
    fused = pl.DataFrame(
        [(0, 7, 0.5), (0, 1, 0.5), (1, 7, 0.2), (1, 4, 0.9), (1, 3, 0.3), (2, 8, 0.1), (3, 7, 0.9)],
        schema={"query": pl.Int32, "item": pl.Int32, "fusion": pl.Float32},
        orient="row",
    )
    table = measure_recall(fold, channels, fused)
    assert table["channel"].to_list() == ["near", "hot", "none", "union"]
    return {row.pop("channel"): row for row in table.to_dicts()}


def test_recall_of_each_channel_by_hand(measured: dict[str, dict[str, float]]) -> None:
    # Four answers are asked for; query 3 is for training and does not count.
    late = {"recall@50": 2 / 4, "recall@100": 2 / 4, "recall@all": 2 / 4, "only": 1 / 4}
    assert measured["near"] == pytest.approx({"mrr@5": 1 / 4, "recall@5": 1 / 4, "recall@10": 2 / 4, **late})
    assert measured["hot"] == pytest.approx({"mrr@5": 1 / 8, "recall@5": 1 / 4, "recall@10": 1 / 4, **late})
    assert set(measured["none"].values()) == {0}


def test_recall_of_the_union_goes_by_fusion_with_ties_by_item(measured: dict[str, dict[str, float]]) -> None:
    union = measured["union"]
    assert union["mrr@5"] == pytest.approx((1 / 2 + 1 / 3) / 4)
    assert union["recall@5"] == union["recall@all"] == 2 / 4
    assert union["only"] == 0


def test_recall_at_a_cut_counts_the_cut_itself(fold: Fold) -> None:
    lists = [[*range(100, 100 + before), 7] for before in (4, 5, 9)]
    fused = channel(*lists, [], [*range(100, 149), 7]).rename({"score": "fusion"})
    union = measure_recall(fold, {"x": channel([1])}, fused).filter(channel="union").to_dicts()[0]
    assert [union[f"recall@{k}"] for k in (5, 10, 50, 100)] == [1 / 4, 3 / 4, 1, 1]
    assert union["mrr@5"] == pytest.approx(1 / 5 / 4)


def test_validation_and_test_stand_side_by_side() -> None:
    first = START // DAY_MS * DAY_MS

    def queries(*rows: tuple[int, int, str]) -> Fold:
        frame = pl.DataFrame(
            [(clicks, first + day * DAY_MS + 5, role) for clicks, day, role in rows],
            schema={"clicks": pl.Int32, "time": pl.Int64, "role": pl.String},
            orient="row",
        )
        return Fold(pl.DataFrame(), frame, pl.DataFrame(), None)

    labelled = queries((1, 0, "valid"), (3, 0, "valid"), (4, 1, "valid"), (40, 1, "valid"), (9, 5, "train"))
    test = queries((2, 1, "test"), (33, 2, "test"))
    table = compare_folds(cast(Outcome, Stand(labelled, test)))
    assert table.columns == ["what", "value", "validation", "test"]
    shares = {(what, value): (valid, asked) for what, value, valid, asked in table.rows()}
    assert shares == {
        ("visible clicks", "01"): (0.25, 0),
        ("visible clicks", "02"): (0, 0.5),
        ("visible clicks", "03-04"): (0.5, 0),
        ("visible clicks", "33+"): (0.25, 0.5),
        ("last visible day", "10-03"): (0.5, 0),
        ("last visible day", "10-04"): (0.5, 0.5),
        ("last visible day", "10-05"): (0, 0.5),
    }


class Stand:
    """The two folds of an outcome."""

    def __init__(self, labelled: Fold, test: Fold) -> None:
        self.labelled: Result[Any] = Result("a", lambda: labelled)
        self.test: Result[Any] = Result("b", lambda: test)
        self.ready = self
