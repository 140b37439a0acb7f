"""What lists are like beside their score, by hand."""

import polars as pl
import pytest

from competitions.news import list_metrics
from tests.unit.common.learning.test_metrics import ranked


def test_coverage_and_diversity_look_at_the_first_k() -> None:
    lists = ranked([1, 2, 3, 9], [1, 4], [5])
    assert list_metrics.coverage(lists, 10, 2) == 4 / 10
    categories = pl.DataFrame({"item": [1, 2, 3, 4], "category": [7, 7, 8, 7]}, schema_overrides={"item": pl.Int32})
    assert list_metrics.category_diversity(lists, categories, 2) == 0
    assert list_metrics.category_diversity(lists, categories, 4) == pytest.approx((2 / 3 + 0) / 2)
    assert list_metrics.category_diversity(ranked([5]), categories, 5) is None
