"""The model of the choice: what it is fitted on, what it learns, and how it is calibrated."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, fit, refit
from common.learning.listwise_softmax import softmax_within
from competitions.mgtv.config import WatchSettings
from competitions.mgtv.models import click_ranker
from competitions.mgtv.models.click_ranker import (
    find_blend,
    make_recipe,
    mix,
    mix_across,
    score,
)
from competitions.mgtv.models.dataset import DayFeatures
from tests.unit.mgtv.mgtv_world import Floats, make_day

PARAMETERS: dict[str, Any] = {"num_leaves": 4, "learning_rate": 0.2, "num_threads": 1}
BLOCKS = ("video", "pair")


def draw_day(number: int, lists: int = 150, pull: float = 2.0) -> DayFeatures:
    """Lists of one to eight videos; one is chosen by a softmax of ``pair_taste``, which others do not tell."""
    rng = np.random.default_rng(number)
    sizes = rng.integers(1, 9, lists)
    rows = int(sizes.sum())
    features = {name: rng.normal(size=rows) for name in ("video_noise", "pair_taste", "device_leak", "pair_noise")}
    answers = choose(pull * features["pair_taste"], sizes, rng)
    day = make_day(sizes.tolist(), answers, features, day=number)
    features["device_leak"] = day.rows.labels.astype(float)
    return make_day(sizes.tolist(), answers, features, day=number)


def choose(utilities: Floats, sizes: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
    """The place in each list that a softmax of the utilities draws."""
    noisy = np.split(utilities + rng.gumbel(size=len(utilities)), np.cumsum(sizes)[:-1])
    return [int(own.argmax()) for own in noisy]


DAYS = [draw_day(number) for number in (1, 2, 3, 4)]


def hit_rate(day: DayFeatures, scores: Floats) -> float:
    lists = np.split(scores, np.cumsum(day.rows.group_sizes)[:-1])
    labels = np.split(day.rows.labels, np.cumsum(day.rows.group_sizes)[:-1])
    return float(np.mean([own[right.argmax()] == own.max() for own, right in zip(lists, labels, strict=True)]))


# --- fits ---


def make(**changes: Any) -> Recipe:
    """The recipe of a small fit on the two blocks that do not tell the answer."""
    plain: dict[str, Any] = {"blocks": BLOCKS, "rounds": 60, "negatives": 100, "patience": 8, "answer": "auto"}
    return make_recipe(WatchSettings(**plain | {"lightgbm_softmax": PARAMETERS} | changes), 1)


def fit_watch(train: list[DayFeatures], valid: DayFeatures, **changes: Any) -> Ranker:
    return fit(make(**changes), [day.rows for day in train], valid.rows)


def test_a_planted_choice_is_learned() -> None:
    model = fit_watch(DAYS[:2], DAYS[2])
    assert set(model.gain) == {"video_noise", "pair_taste", "pair_noise"}
    assert max(model.gain, key=model.gain.__getitem__) == "pair_taste"
    assert 1 <= model.rounds <= 60
    truth = DAYS[3].rows.features[:, 1].astype(float)
    assert hit_rate(DAYS[3], score(DAYS[3], model)) > hit_rate(DAYS[3], truth) - 0.08
    again = refit(make(), [model], [day.rows for day in DAYS[:2]])
    np.testing.assert_allclose(score(DAYS[3], again), score(DAYS[3], model), rtol=1e-5, atol=1e-5)


def test_lists_of_one_are_no_training_rows() -> None:
    rows = click_ranker.thin(make_day([1, 2, 1, 3], [0, 1, 0, 2]).rows, make(blocks=("video",)))
    assert (rows.group_sizes.tolist(), rows.labels.tolist()) == ([2, 3], [0, 1, 0, 0, 1])
    assert rows.features[:, 0].tolist() == [1, 2, 4, 5, 6]


# --- the calibration ---


def draw_scored(seed: int, lists: int = 1500, size: int = 5) -> tuple[DayFeatures, Floats]:
    """A day chosen by a softmax of utilities, and a model's scores: these, scaled and moved."""
    rng = np.random.default_rng(seed)
    utilities = rng.normal(size=lists * size)
    answers = choose(utilities, np.full(lists, size), rng)
    return make_day([size] * lists, answers, day=seed), 7 * utilities + 3


def test_probabilities_are_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scale of the law that made the choices is found, so that a fifth of the rows at .2 are answers."""
    monkeypatch.setattr(click_ranker, "BLEND_L2", 0.0)
    (day, scores), (fresh, unseen) = draw_scored(1), draw_scored(2)
    mixed = mix(find_blend([day], [scores]), unseen, fresh)
    np.testing.assert_allclose(mixed, softmax_within(unseen / 7, fresh.rows.group_sizes), atol=0.06)
    order = np.argsort(mixed)
    for rows in np.array_split(order, 5):
        assert fresh.rows.labels[rows].mean() == pytest.approx(mixed[rows].mean(), abs=0.04)


def test_a_day_is_calibrated_by_the_other_days() -> None:
    days = [draw_scored(seed, 200 * seed) for seed in (5, 6, 7)]
    mixed = mix_across([day for day, _ in days], [scores for _, scores in days])
    for i, (day, scores) in enumerate(days):
        others = [days[other] for other in range(3) if other != i]
        blend = find_blend([other for other, _ in others], [other_scores for _, other_scores in others])
        np.testing.assert_array_equal(mixed[i], mix(blend, scores, day))
