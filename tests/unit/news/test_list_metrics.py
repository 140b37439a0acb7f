"""What lists are like beside their score, by hand and against scikit-learn."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from competitions.news import list_metrics
from tests.unit.common.learning.test_metrics import random_table, ranked


def test_coverage_novelty_and_diversity_look_at_the_first_k() -> None:
    lists = ranked([1, 2, 3, 9], [1, 4], [5])
    assert list_metrics.coverage(lists, 10, 2) == 4 / 10
    clicks = pl.DataFrame({"item": [1, 1, 2, 2, 4, 4, 4, 4]}, schema={"item": pl.Int32})
    # Shares at k = 2: 1 and 2 have 1/4, 4 has 1/2; 5 was never clicked and counts as one click of 8.
    assert list_metrics.novelty(lists, clicks, 2) == pytest.approx((2 + 2 + 2 + 1 + 3) / 5)
    categories = pl.DataFrame({"item": [1, 2, 3, 4], "category": [7, 7, 8, 7]}, schema_overrides={"item": pl.Int32})
    assert list_metrics.category_diversity(lists, categories, 2) == 0
    assert list_metrics.category_diversity(lists, categories, 4) == pytest.approx((2 / 3 + 0) / 2)
    assert list_metrics.category_diversity(ranked([5]), categories, 5) is None
    one_class = pl.DataFrame({"query": [0, 0], "score": [0.1, 0.2], "relevant": [True, True]})
    assert list_metrics.auc(one_class) is list_metrics.gauc(one_class) is None


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from([None, 2, 5]))
def test_auc_and_gauc_agree_with_scikit_learn(seed: int, levels: int | None) -> None:
    scored, _ = random_table(seed, 12, levels)
    rng = np.random.default_rng(seed)
    scored = scored.with_columns(pl.Series("relevant", rng.random(scored.height) < 0.4))
    areas: list[tuple[float, int]] = []
    for _, group in scored.group_by("query"):
        if group["relevant"].n_unique() == 2:
            areas.append((_area(group), group.height))
    expected = np.average([area for area, _ in areas], weights=[rows for _, rows in areas])
    assert list_metrics.gauc(scored) == pytest.approx(expected)
    assert list_metrics.auc(scored) == pytest.approx(_area(scored))


def _area(group: pl.DataFrame) -> Any:
    return roc_auc_score(group["relevant"].to_numpy(), group["score"].to_numpy())
