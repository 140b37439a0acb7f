"""What ``run --seeds 5`` adds: the score by fits of other seeds, and the mean of their scores where that earns more."""

from typing import Any, NamedTuple

import polars as pl

from common.day.compare import compute_difference, pair_scores
from common.day.fit_noise import score_fits
from common.day.run_record import describe_queries
from common.engine.run import Run
from competitions.cli.run import RunOptions
from competitions.cli.settings import Inputs


class Seeded(NamedTuple):
    """The ``outcome`` that is submitted, the run and the settings that made it, and what is recorded of the fits."""

    outcome: Any
    work: Run
    inputs: Inputs
    overrides: list[str]
    recorded: dict[str, Any]


def fit_by_seeds(outcome: Any, work: Run, inputs: Inputs, options: RunOptions, validates: bool) -> Seeded:
    """Fit by ``options.seeds`` seeds after the run that gave ``outcome``: the score of each, and what the mean of so
    many fits' scores gains over one fit, query by query. Where it gains more than its standard error that mean is the
    outcome, by the competition's setting of fits, so that every later verb finds it. ``validates``: no submission.
    """
    competition, overrides = inputs.competition, options.overrides or []

    def score(run: Run, config: Any = inputs.config) -> pl.DataFrame:
        return competition.judge(competition.validate(inputs.files, config, run), config).queries

    one = competition.judge(outcome, inputs.config).queries
    fits = [_mean(one), *score_fits(lambda run: _mean(score(run)), work, options.seeds)]
    kept = Seeded(outcome, work, inputs, overrides, {"fits": fits})
    if competition.seeds is None:
        return kept
    setting = f"{competition.seeds}={options.seeds}"
    seed = f"seed={options.seed}"
    config = competition.load_config([seed, *overrides, setting], inputs.tuned)
    run = Run(work.folder, work.cache)
    gain = compute_difference(pair_scores(one, score(run, config)))
    taken = gain.mean > gain.error
    recorded = {"fits": fits, "averaged": {"setting": setting, "gain": gain.mean, "error": gain.error, "taken": taken}}
    if not taken:
        return kept._replace(recorded=recorded)
    run = Run(work.folder, work.cache)
    outcome = (competition.validate if validates else competition.solve)(inputs.files, config, run)
    return Seeded(outcome, run, inputs._replace(config=config), [*overrides, setting], recorded)


def _mean(queries: pl.DataFrame) -> float:
    return float(describe_queries(queries)["score"])
