"""The noise of the fits: which steps are fitted again by other seeds, and how the error of a difference counts it."""

from pathlib import Path

import pytest

from common.day.compare import Difference, add_fits
from common.day.fit_noise import find_spread, move_seeds, score_fits
from common.engine.run import Run
from common.learning.fit_task import Recipe

RECIPE = Recipe("logit", {}, rounds=1, patience=1, seed=3)


def fit_recipe(recipe: Recipe, rows: list[int]) -> int:
    return recipe.seed + sum(rows)


def fit(rows: list[int], seed: int, rounds: int) -> int:
    return seed * rounds + sum(rows)


def split(rows: list[int], seed: int) -> list[int]:
    return [row + seed for row in rows]


def validate(run: Run) -> float:
    rows = run.step(split, [1, 2], 5)
    return float(run.step(fit_recipe, RECIPE, rows).value + run.step(fit, rows, 3, 2).value)


def test_fits_draw_by_other_seeds_and_every_other_step_is_kept(tmp_path: Path) -> None:
    first = Run(tmp_path / "run", tmp_path / "cache")
    own = validate(first)
    seen: list[set[str]] = []

    def score(run: Run) -> float:
        value = validate(run)
        seen.append({step.name.rpartition(".")[2] for step in run.timings if not step.kept})
        return value

    assert score_fits(score, first, 3) == [own + 1000 + 2 * 1000, own + 2000 + 2 * 2000]
    assert seen == [{"fit_recipe", "fit"}] * 2
    assert score_fits(score, first, 1) == []


def test_a_seed_that_is_no_fits_stays() -> None:
    assert move_seeds(split, [[1], 5], 1000) == [[1], 5]
    (recipe, _) = move_seeds(fit_recipe, [RECIPE, [1]], 1000)
    assert (recipe.seed, RECIPE.seed) == (1003, 3)


def test_the_error_of_a_difference_counts_the_fits_that_are_known() -> None:
    difference = Difference(0.5, 0.3, 100, 60)
    many, other, single = {"fits": [0.0, 0.8]}, {"fits": [0.1, 0.1, 0.1]}, {"fits": None}
    spread = find_spread(many["fits"])
    assert spread == pytest.approx(0.8 / 2**0.5)
    assert add_fits(difference, many, other) == pytest.approx((0.5, (0.09 + 0.32) ** 0.5, 100, 60, 5))
    assert add_fits(difference, single, many) == pytest.approx((0.5, (0.09 + 2 * 0.32) ** 0.5, 100, 60, 2))
    assert add_fits(difference, single, {}) == difference
    assert find_spread([0.5]) is None
