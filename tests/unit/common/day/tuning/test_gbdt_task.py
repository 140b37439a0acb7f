"""The task of a ranker: what is suggested and allowed of its parameters."""

from collections.abc import Mapping

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from common.day.tuning.gbdt_task import RANKERS, tune_ranker
from common.day.tuning.task import Scores, Space, fits, suggest

SPACE: Space = {
    "a.rate": FloatDistribution(0.01, 1.0, log=True),
    "a.leaves": IntDistribution(3, 9),
}


def test_a_suggestion_lies_in_the_space_and_nothing_else_can_be_tried_first() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(30):
        params = suggest(study.ask(), SPACE)
        assert list(params) == list(SPACE)
        assert fits(SPACE, params)
    for changed in ({"a.rate": 2.0}, {"a.rate": 0.001}, {"a.leaves": 10}):
        assert not fits(SPACE, params | changed)


def test_a_ranker_has_the_space_of_its_family_and_the_librarys_value_where_none_is_set() -> None:
    seen: list[Mapping[str, object]] = []

    def score(parameters: Mapping[str, object], fold: int) -> Scores:
        seen.append(parameters)
        return np.full(1, float(fold))

    with pytest.raises(ValueError, match="no search space"):
        tune_ranker("forest", "rank.forest", {}, "m", 2, score, score)
    task = tune_ranker("catboost", "rank.catboost", {"depth": 4, "rsm": 1}, "m", 2, score, score)
    assert task.current == {
        "rank.catboost.learning_rate": 0.03,
        "rank.catboost.depth": 4,
        "rank.catboost.l2_leaf_reg": 3,
    }
    assert task.name == "catboost"
    task.score({"rank.catboost.depth": 6}, 0)
    assert seen == [{"depth": 6, "rsm": 1}]
    for family in RANKERS:
        task = tune_ranker(f"{family}_softmax", f"rank.{family}", {}, "m", 2, score, score)
        assert fits(task.space, task.current)
