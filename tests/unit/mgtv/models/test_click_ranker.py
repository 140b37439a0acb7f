"""The model of the choice: what it is fitted on, what it learns, and how sure it says it is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.learning.fitters import Recipe
from common.learning.gbdt import fit, refit
from common.learning.listwise_softmax import find_starts, softmax_within
from common.learning.model_diagnostics import share_gains
from competitions.mgtv.config import WatchSettings
from competitions.mgtv.models import click_ranker
from competitions.mgtv.models.click_ranker import make_recipe, mean_log_likelihood, predict
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import pick
from tests.unit.mgtv.mgtv_world import Floats, make_day

PARAMETERS: dict[str, Any] = {"num_leaves": 4, "learning_rate": 0.2, "num_threads": 1}


def choose(utilities: Floats, sizes: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
    """The position in each list that a softmax of the utilities draws."""
    noisy = np.split(utilities + rng.gumbel(size=len(utilities)), np.cumsum(sizes)[:-1])
    return [int(own.argmax()) for own in noisy]


def draw_day(number: int) -> DayFeatures:
    """Lists of one to eight videos; a softmax of ``pair_taste`` chooses one, and ``device_leak`` says which."""
    rng = np.random.default_rng(number)
    sizes = rng.integers(1, 9, 150)
    features = {name: rng.normal(size=sizes.sum()) for name in ("video_noise", "pair_taste", "device_leak")}
    answers = choose(2 * features["pair_taste"], sizes, rng)
    features["device_leak"][np.cumsum(sizes) - sizes + answers] += 9
    return make_day(sizes.tolist(), answers, features, day=number)


def make(**changes: Any) -> Recipe:
    """The recipe of a small fit on the two blocks that do not tell the answer."""
    plain: dict[str, Any] = {"blocks": ("video", "pair"), "rounds": 60, "negatives": 100, "patience": 8}
    return make_recipe(
        WatchSettings(**plain | {"answer": "auto", "seeds": 1, "lightgbm_softmax": PARAMETERS} | changes), 1
    )


def test_a_planted_choice_is_learned() -> None:
    train, valid, fresh = [draw_day(1), draw_day(2)], draw_day(3), draw_day(4)
    model = fit(make(), [day.rows for day in train], valid.rows)
    assert list(share_gains([model])) == ["pair_taste", "video_noise"]
    assert 1 <= model.rounds <= 60
    chances, truth = predict(fresh, model), fresh.rows.features[:, 1].astype(float)
    hits = [fresh.rows.labels[pick(values, fresh.rows.group_sizes)].mean() for values in (chances, truth)]
    assert hits[0] > hits[1] - 0.08
    law = softmax_within(2 * truth, fresh.rows.group_sizes)
    assert mean_log_likelihood(chances, fresh) > mean_log_likelihood(law, fresh) - 0.15
    np.testing.assert_allclose(np.add.reduceat(chances, find_starts(fresh.rows.group_sizes)), 1)
    again = refit(make(), [model], [day.rows for day in train])
    np.testing.assert_allclose(predict(fresh, again), chances, rtol=1e-5, atol=1e-5)


def test_lists_of_one_are_no_training_rows() -> None:
    rows = click_ranker.thin(make_day([1, 2, 1, 3], [0, 1, 0, 2]).rows, make(blocks=("video",)))
    assert (rows.group_sizes.tolist(), rows.labels.tolist()) == ([2, 3], [0, 1, 0, 0, 1])
    assert rows.features[:, 0].tolist() == [1, 2, 4, 5, 6]
