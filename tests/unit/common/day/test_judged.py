"""What a run reports of why its score is so: a planted feature."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from common.day.judged import measure_importance
from common.learning.dataset import RankingDataset
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, fit

QUERIES, SIZE = 80, 5


def draw_rows(seed: int, shift: float = 0.0) -> RankingDataset:
    """Queries of five rows whose right one has the highest ``planted``; ``calendar`` is moved by ``shift``."""
    rng = np.random.default_rng(seed)
    features = rng.random((QUERIES * SIZE, 3)).astype(np.float32)
    features[:, 2] += shift
    labels = np.zeros(len(features), np.float32)
    labels[np.arange(QUERIES) * SIZE + features[:, 0].reshape(QUERIES, SIZE).argmax(axis=1)] = 1
    return RankingDataset(("planted", "noise", "calendar"), features, labels, np.full(QUERIES, SIZE, np.int32))


def mix(weights: tuple[float, ...], scores: Any, sizes: Any) -> Any:
    return scores @ np.array(weights)


def test_the_planted_feature_carries_the_blend_and_a_model_without_weight_has_no_say() -> None:
    rows = draw_rows(0)
    parameters = {"num_leaves": 4, "min_data_in_leaf": 5, "num_threads": 1}
    good = fit(Recipe("lightgbm_softmax", parameters, 20, 0, 0), rows)
    other = fit(Recipe("lightgbm_softmax", parameters, 1, 0, 0), draw_rows(1))

    def lose(rows: RankingDataset, rankers: list[Ranker], *blend: Any) -> dict[str, float | None]:
        return {row.feature: row.permutation for row in measure_importance(rows, rankers, 40, 150, *blend)}

    losses = lose(rows, [good])
    assert losses["planted"] is not None
    assert losses["planted"] > 0.3
    assert losses["noise"] is not None
    assert abs(losses["noise"]) < 0.1
    assert lose(rows, [good, other], mix, (1.0, 0.0)) == pytest.approx(losses)
    # A scale of the scores is no matter, nor are queries whose right one is not there.
    assert lose(rows, [good], mix, (3.0,)) == pytest.approx(losses, rel=1e-3)
    nothing = RankingDataset(rows.names, rows.features, np.zeros_like(rows.labels), rows.group_sizes)
    assert set(lose(nothing, [good]).values()) == {None}


def test_of_a_yes_or_no_a_row_each_row_has_a_likelihood_that_a_shuffle_costs() -> None:
    rows = replace(draw_rows(0), group_sizes=np.ones(QUERIES * SIZE, np.int32))
    ranker = fit(Recipe("lightgbm_click", {"objective": "binary", "num_leaves": 4, "num_threads": 1}, 20, 0, 0), rows)
    losses = {row.feature: row.permutation for row in measure_importance(rows, [ranker])}
    assert (losses["planted"] or 0) > 10 * abs(losses["noise"] or 0)
