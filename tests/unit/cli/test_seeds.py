"""`run --seeds`: the mean of the fits' scores is taken where it gains on the hold-out, and then it is the run."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import polars as pl
import pytest
from competitions.cli.seeds import Seeded, fit_by_seeds

from common.competition import Competition
from common.engine.run import Run
from common.learning.fit_task import Recipe
from competitions.cli.run import RunOptions
from competitions.cli.settings import Inputs

QUERIES = 50


class Config(msgspec.Struct, frozen=True):
    """How many fits a run averages."""

    seeds: int = 1


def fit_noisily(recipe: Recipe, harm: float) -> np.ndarray[Any, Any]:
    """A model that is off by a draw of its seed's, and less so the more draws are averaged; ``harm``: or more so."""
    draws = [np.random.default_rng(recipe.seed + number).random(QUERIES) for number in range(recipe.seeds)]
    return 1.0 - np.mean(draws, 0) ** 2 - harm * (recipe.seeds - 1)


def run_seeds(folder: Path, harm: float, **declared: Any) -> Seeded:
    def validate(files: object, config: Config, run: Run) -> tuple[str, Any]:
        return "validated", run.step(fit_noisily, Recipe("logit", {}, 1, 1, 3, seeds=config.seeds), harm).value

    def solve(files: object, config: Config, run: Run) -> tuple[str, Any]:
        return "solved", validate(files, config, run)[1]

    def judge(outcome: tuple[str, Any], config: Config) -> SimpleNamespace:
        names = [str(number) for number in range(QUERIES)]
        return SimpleNamespace(queries=pl.DataFrame({"query": names, "fold": "valid", "score": outcome[1]}))

    def load_config(overrides: list[str], tuned: bool) -> Config:
        assert overrides == ["seed=0", "other=1", "rank.seeds=4"]
        return Config(4)

    competition = SimpleNamespace(**{"seeds": "rank.seeds", "validate": validate, "solve": solve, "judge": judge,
                                     "load_config": load_config} | declared)  # fmt: skip
    inputs = Inputs(cast(Competition, competition), Config(), folder, None, False)
    options = RunOptions(name="x", raw=None, scale=None, seed=0, law=None, build=folder, overrides=["other=1"], seeds=4)
    work = Run(folder / "run", folder / "cache")
    return fit_by_seeds(solve(None, Config(), work), work, inputs, options, validates=False)


def test_a_mean_that_gains_is_the_run_by_its_setting(tmp_path: Path) -> None:
    seeded = run_seeds(tmp_path, harm=0.0)
    assert len(seeded.recorded["fits"]) == 4
    averaged = seeded.recorded["averaged"]
    assert (averaged["setting"], averaged["taken"]) == ("rank.seeds=4", True)
    stage, scores = seeded.outcome
    assert stage == "solved"
    assert scores.mean() - seeded.recorded["fits"][0] == pytest.approx(averaged["gain"])
    assert (seeded.overrides, seeded.inputs.config) == (["other=1", "rank.seeds=4"], Config(4))


def test_a_mean_that_loses_is_told_and_left(tmp_path: Path) -> None:
    seeded = run_seeds(tmp_path, harm=0.2)
    assert seeded.recorded["averaged"]["gain"] < 0
    assert not seeded.recorded["averaged"]["taken"]
    assert seeded.outcome[1].mean() == pytest.approx(seeded.recorded["fits"][0])
    assert (seeded.overrides, seeded.inputs.config) == (["other=1"], Config())


def test_where_no_setting_counts_the_fits_only_their_spread_is_told(tmp_path: Path) -> None:
    assert set(run_seeds(tmp_path, harm=0.0, seeds=None).recorded) == {"fits"}
