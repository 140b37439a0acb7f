"""One parameter set, tuned: what is tried, on which folds it is judged, and when a gain is one.

A study never sees the split on which its best is judged in the end. The settings of today are its first trial, so that
it can only gain; a trial that falls behind the median of the earlier ones after a fold is not carried on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna
from numpy.typing import NDArray

from common.day.tuning.search_space import Settings, Space, suggest
from common.engine.errors import UserError

Scores = NDArray[np.float64]
FOLDS = "folds"  # user attribute of a trial: its score on every fold
REASON_CHARS = 160
FINISHED = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
FAILURE = "failure"  # user attribute of a trial that failed: why
# What settings may lead to; anything else is a fault of the code and ends the study.
EXPECTED = (UserError, ArithmeticError, ValueError)
WORKER = "worker"  # user attribute of a trial: who computes it


@dataclass(frozen=True)
class Task:
    """A parameter set and how it is judged; higher is better.

    ``current``: today's value of every key of ``space``. ``score(settings, fold)``: the score on fold 0 .. folds - 1
    of the study. ``judge(settings)``: the score of each query of the split that the study does not see. ``write``: from
    the keys of the space to those of the configuration, where the two differ.
    """

    name: str
    metric: str
    space: Space
    current: Settings
    folds: int
    score: Callable[[Settings, int], float]
    judge: Callable[[Settings], Scores]
    write: Callable[[Settings], Settings] = lambda settings: settings


@dataclass(frozen=True)
class Verdict:
    """The result of a study: the best settings beside today's, on its folds and on the unseen split.

    ``gain`` with its standard ``error`` is the paired difference on the unseen split; ``fold_gain`` and ``fold_error``
    are mean and standard error of the gain over the study's folds.
    """

    task: str
    study: str
    trial: int
    trials: int
    metric: str
    settings: Settings
    before: float
    after: float
    gain: float
    error: float
    fold_gain: float
    fold_error: float

    @property
    def accepted(self) -> bool:
        """Whether the gain exceeds the noise, on the study's folds and on the split that it did not see."""
        return self.fold_gain > self.fold_error and self.gain > self.error > 0


def run_trial(task: Task, worker: str, trial: optuna.Trial) -> float:
    """The mean score of a trial over the folds; fold by fold, until the pruner stops it."""
    trial.set_user_attr(WORKER, worker)
    settings, scores = suggest(trial, task.space), []
    for fold in range(task.folds):
        try:
            scores.append(task.score(settings, fold))
        except EXPECTED as error:
            trial.set_user_attr(FAILURE, (str(error).splitlines() or [type(error).__name__])[0][:REASON_CHARS])
            raise
        trial.set_user_attr(FOLDS, scores)
        mean = float(np.mean(scores))
        trial.report(mean, fold)
        if fold + 1 < task.folds and trial.should_prune():
            raise optuna.TrialPruned
    return mean


def judge_study(task: Task, study: optuna.Study) -> Verdict:
    """The best trial of a study beside the settings of today, on the split that it did not see.

    The best of many trials is partly luck: only the unseen split tells how much.
    """
    best = study.best_trial
    settings = suggest_again(task, best)
    fold_gains = np.array(best.user_attrs[FOLDS]) - np.array(current_folds(task, study))
    before = task.judge(task.current)
    after = before if settings == task.current else task.judge(settings)
    gains = after - before
    return Verdict(
        task=task.name,
        study=study.study_name,
        trial=best.number,
        trials=sum(trial.state in FINISHED for trial in study.get_trials(deepcopy=False)),
        metric=task.metric,
        settings=task.write(settings),
        before=float(before.mean()),
        after=float(after.mean()),
        gain=float(gains.mean()),
        error=standard_error(gains),
        fold_gain=float(fold_gains.mean()),
        fold_error=standard_error(fold_gains, 1),
    )


def suggest_again(task: Task, trial: optuna.trial.FrozenTrial) -> Settings:
    """The settings of a finished trial, rounded as they were tried."""
    return suggest(optuna.trial.FixedTrial(trial.params), task.space)  # type: ignore[arg-type]


def current_folds(task: Task, study: optuna.Study) -> list[float]:
    """The scores of today's settings on the folds, computed where no trial had them."""
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
        if suggest_again(task, trial) == task.current:
            scores: list[float] = trial.user_attrs[FOLDS]
            return scores
    return [task.score(task.current, fold) for fold in range(task.folds)]


def standard_error(values: Scores, ddof: int = 0) -> float:
    """Of the mean; ``ddof`` degrees of freedom are lost. 0 for a single value."""
    return float(values.std(ddof=ddof)) / math.sqrt(len(values)) if len(values) > ddof else 0.0
