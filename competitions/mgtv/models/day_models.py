"""The models of a day as steps: fitted on the days before it, refitted on every day, and what they say of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.pipeline.run import Result, Run, bundle, collect
from common.ranking.gbdt import Ranker, fit, refit
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.models import completion
from competitions.mgtv.models.click_ranker import list_recipes, score
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import Predictions, expect_rewards

Days = Mapping[int, Result[DayFeatures]]  # by number, ascending


@dataclass(frozen=True)
class DayModels:
    """The rankers of P(watch), in the order of ``watch.models``, and the completion model."""

    rankers: Sequence[Result[Ranker]]
    completion: Result[Completion]


def fit_models(run: Run, labelled: Days, config: MgtvConfig, day: int) -> DayModels:
    """Fit all models on the days before a validation day, until that day stops them."""
    train, valid = collect([labelled[other].rows for other in labelled if other < day]), labelled[day].rows
    recipes = list_recipes(config.watch, config.seed)
    rankers = [run.step(fit, recipe, train, valid, name=f"day{day:02d}.fit.{recipe.kind}") for recipe in recipes]
    return DayModels(rankers, fit_completion(run, labelled, config, day))


def fit_completion(run: Run, labelled: Days, config: MgtvConfig, day: int) -> Result[Completion]:
    """Fit the completion model on the plays of the days before a validation day."""
    train = collect([labelled[other] for other in labelled if other < day])
    settings, name = config.completion, f"day{day:02d}.fit.completion"
    return run.step(completion.fit_early, train, labelled[day], settings, config.seed, name=name)


def refit_models(run: Run, labelled: Days, config: MgtvConfig, early: Sequence[DayModels]) -> DayModels:
    """Fit all models on every labelled day, for the mean of the rounds that the early stops found."""
    days = list(labelled.values())
    rows, rankers = collect([day.rows for day in days]), []
    for i, recipe in enumerate(list_recipes(config.watch, config.seed)):
        stopped = collect([models.rankers[i] for models in early])
        rankers.append(run.step(refit, recipe, stopped, rows, name=f"refit.{recipe.kind}"))
    completions = collect([models.completion for models in early])
    settings, name = config.completion, "refit.completion"
    return DayModels(rankers, run.step(completion.refit, collect(days), completions, settings, config.seed, name=name))


def predict_day(
    run: Run, config: MgtvConfig, name: str, day: Result[DayFeatures], models: DayModels
) -> Result[Predictions]:
    """The rankers' scores of a day's rows, and the expected reward of each row."""
    scores = run.step(score, day, collect(models.rankers), name=f"{name}.score")
    rewards = run.step(expect_rewards, day, models.completion, config.truth.no_duration, name=f"{name}.value")
    return bundle(Predictions, day=day, scores=scores, rewards=rewards)
