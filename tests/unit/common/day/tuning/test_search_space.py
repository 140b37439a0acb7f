"""Search spaces: what is suggested and allowed."""

from collections.abc import Mapping

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from common.day.tuning import search_space
from common.day.tuning.gbdt_task import tune_ranker
from common.day.tuning.task import Scores

SPACE: search_space.Space = {
    "a.rate": FloatDistribution(0.01, 1.0, log=True),
    "a.leaves": IntDistribution(3, 9),
}


def test_a_suggestion_has_every_key_in_its_range() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(30):
        settings = search_space.suggest(study.ask(), SPACE)
        assert list(settings) == list(SPACE)
        assert 0.01 <= settings["a.rate"] <= 1.0
        assert settings["a.leaves"] in range(3, 10)


@pytest.mark.parametrize(
    ("changed", "inside"),
    [({}, True), ({"a.rate": 2.0}, False), ({"a.leaves": 10}, False), ({"a.leaves": 9}, True)],
)
def test_only_what_lies_in_the_space_can_be_tried_first(changed: dict[str, object], inside: bool) -> None:
    assert search_space.fits(SPACE, {"a.rate": 0.1, "a.leaves": 5} | changed) is inside


def test_a_ranker_has_the_space_of_its_family_and_the_librarys_value_where_none_is_set() -> None:
    assert search_space.space_of("lightgbm_softmax") == search_space.RANKERS["lightgbm"]
    with pytest.raises(ValueError, match="no search space"):
        search_space.space_of("forest")
    seen: list[Mapping[str, object]] = []

    def score(parameters: Mapping[str, object], fold: int) -> Scores:
        seen.append(parameters)
        return np.full(1, float(fold))

    task = tune_ranker("catboost", "rank.catboost", {"depth": 4, "rsm": 1}, "m", 2, score, lambda _: np.zeros(1))
    assert task.current == {
        "rank.catboost.learning_rate": 0.1,
        "rank.catboost.depth": 4,
        "rank.catboost.l2_leaf_reg": 3,
    }
    assert task.name == "catboost"
    task.score({"rank.catboost.depth": 6}, 0)
    assert seen == [{"depth": 6, "rsm": 1}]
    for family in search_space.RANKERS:
        task = tune_ranker(family, f"rank.{family}", {}, "m", 2, score, lambda _: np.zeros(1))
        assert search_space.fits(task.space, task.current)
