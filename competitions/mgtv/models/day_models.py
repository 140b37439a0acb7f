"""The models of a day as steps: fitted on the days before, refitted on every day, and what they say of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.engine.run import Result, Run, bundle, collect
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, fit, refit
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


def fit_models(run: Run, labelled: Days, config: MgtvConfig, valid: Sequence[int]) -> DayModels:
    """Fit all models on the days before the first of the validation days, until these stop them, all together.

    A fit for each of the days, on all that lies before it, takes a fit more a day and is worth nothing: see LOG.md.
    """
    rankers = [fit_ranker(run, labelled, recipe, valid) for recipe in list_recipes(config.watch, config.seed)]
    return DayModels(rankers, fit_completion(run, labelled, config, valid))


def fit_ranker(run: Run, labelled: Days, recipe: Recipe, valid: Sequence[int]) -> Result[Ranker]:
    """Fit one model of P(watch) on the days before the validation days."""
    train, held = ([day.rows for day in days] for days in cut_days(labelled, valid))
    return run.step(fit, recipe, collect(train), collect(held), name=f"{name_days(valid)}.fit.{recipe.kind}")


def fit_completion(run: Run, labelled: Days, config: MgtvConfig, valid: Sequence[int]) -> Result[Completion]:
    """Fit the completion model on the plays of the days before the validation days."""
    train, held = cut_days(labelled, valid)
    settings, name = config.completion, f"{name_days(valid)}.fit.completion"
    return run.step(completion.fit_early, collect(train), collect(held), settings, config.seed, name=name)


def cut_days(labelled: Days, valid: Sequence[int]) -> tuple[list[Result[DayFeatures]], list[Result[DayFeatures]]]:
    """The days before the first of the validation days, and these."""
    return [labelled[day] for day in labelled if day < min(valid)], [labelled[day] for day in valid]


def name_days(days: Sequence[int]) -> str:
    """Of what is about some days, in the names of steps."""
    return f"day{days[0]:02d}" if len(days) == 1 else f"day{days[0]:02d}-{days[-1]:02d}"


def refit_models(run: Run, labelled: Days, config: MgtvConfig, early: DayModels) -> DayModels:
    """Fit all models on every labelled day, for the rounds that the early stops found."""
    days = list(labelled.values())
    rows, rankers = collect([day.rows for day in days]), []
    for recipe, stopped in zip(list_recipes(config.watch, config.seed), early.rankers, strict=True):
        rankers.append(run.step(refit, recipe, stopped, rows, name=f"refit.{recipe.kind}"))
    settings, name = config.completion, "refit.completion"
    fitted = run.step(completion.refit, collect(days), early.completion, settings, config.seed, name=name)
    return DayModels(rankers, fitted)


def predict_day(
    run: Run, config: MgtvConfig, name: str, day: Result[DayFeatures], models: DayModels
) -> Result[Predictions]:
    """The rankers' scores of a day's rows, and the expected reward of each row."""
    scores = run.step(score, day, collect(models.rankers), name=f"{name}.score")
    rewards = run.step(expect_rewards, day, models.completion, config.truth.no_duration, name=f"{name}.value")
    return bundle(Predictions, day=day, scores=scores, rewards=rewards)
