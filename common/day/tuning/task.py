"""One parameter set, tuned: what is tried, on which folds it is judged, and when a gain is one.

A study never sees the split on which its best is judged in the end. The settings of today are its first trial, so that
it can only gain; a trial that lies behind the best one beyond chance after a fold is not carried on.
"""

import math
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna import Study, Trial, TrialPruned
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from common.day.fit_noise import pool_variance, widen_error
from common.day.tuning.search_space import Settings, Space, suggest
from common.engine.errors import UserError
from common.learning.metrics import weighted_error, weighted_mean

Scores = NDArray[np.float64]
# Of a fold's queries, in their order: the pruner pairs two trials part by part, and three folds alone never tell them
# apart (a signed-rank test of three pairs has no p-value below 1/8).
PARTS = 5
FITS = 3  # by which today's settings and the best are judged
FEW = 10  # trials: up to here the sampler draws at random, and nothing can be said of what was not found
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
# What settings may lead to; anything else is a fault of the code and ends the study.
EXPECTED = (UserError, ArithmeticError, ValueError)
# User attributes of a trial: its score on every fold, who computes it, why it failed.
FOLDS, WORKER, FAILURE = "folds", "worker", "failure"
REASON_CHARS = 160


@dataclass(frozen=True)
class Task:
    """A parameter set and how it is judged; higher is better.

    ``current``: today's value of every key of ``space``. ``score(settings, fold)``: the score of each query of fold
    0 .. folds - 1 of the study. ``judge(settings, fit)``: the same of the split that the study does not see, by one of
    several fits (``fit_seed``), where a query counts by ``weights``, all alike where these are None. ``rows``: what the
    study learns from in place of all rows, in words.
    """

    name: str
    metric: str
    space: Space
    current: Settings
    folds: int
    score: Callable[[Settings, int], Scores]
    judge: Callable[[Settings, int], Scores]
    weights: Scores | None = None
    rows: str = ""


@dataclass(frozen=True)
class Verdict:
    """The result of a study: the best settings beside today's, on its folds and on the unseen split.

    ``gain`` with its ``error`` is the paired difference on the unseen split between the means of ``FITS`` fits each,
    the noise of the fits counted; ``fold_gain`` and ``fold_error`` are mean and standard error of the gain over the
    study's folds. Of ``trials`` so many were ``pruned``; a trial took ``seconds``. ``trial``: the number of the best,
    None where there was none.
    """

    task: str
    study: str
    trial: int | None
    trials: int
    metric: str
    settings: Settings
    before: float
    after: float
    gain: float
    error: float
    fold_gain: float
    fold_error: float
    pruned: int = 0
    seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether the gain exceeds the noise, on the study's folds and on the split that it did not see."""
        return self.fold_gain > self.fold_error and self.gain > self.error > 0

    @property
    def conclusion(self) -> str:
        """What the study says, in words: a search of a few trials says nothing of what it did not find."""
        if self.trials < 2:
            return "no search done"
        if self.accepted:
            return "kept"
        return "too few trials" if self.trials <= FEW else "no clear gain"


def run_trial(task: Task, trial: Trial) -> float:
    """The mean score of a trial over the folds; fold by fold, until the pruner stops it."""
    trial.set_user_attr(WORKER, f"{socket.gethostname()}-{os.getpid()}")
    settings, means = suggest(trial, task.space), []
    for fold in range(task.folds):
        try:
            scores = task.score(settings, fold)
        except EXPECTED as error:
            trial.set_user_attr(FAILURE, (str(error).splitlines() or [type(error).__name__])[0][:REASON_CHARS])
            raise
        means.append(float(scores.mean()))
        trial.set_user_attr(FOLDS, means)
        for part, some in enumerate(np.array_split(scores, min(PARTS, len(scores)))):
            trial.report(float(some.mean()), fold * PARTS + part)
        if fold + 1 < task.folds and trial.should_prune():
            raise TrialPruned
    return float(np.mean(means))


def judge_study(task: Task, study: Study) -> Verdict:
    """The best trial of a study beside the settings of today, on the split that it did not see.

    The best of many trials is partly luck: only the unseen split tells how much.
    """
    finished = study.get_trials(deepcopy=False, states=FINISHED)
    whole = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    best = study.best_trial if whole else None
    settings, today, fold_gains = task.current, judge_settings(task, task.current), np.zeros(1)
    later = today
    if best is not None and (settings := suggest_again(task, best)) != task.current:
        later = judge_settings(task, settings)
        current = find_current(task, study) or [
            float(task.score(task.current, fold).mean()) for fold in range(task.folds)
        ]
        fold_gains = np.array(best.user_attrs[FOLDS]) - np.array(current)
    weights = np.ones(today.shape[1]) if task.weights is None else task.weights
    gains = later.mean(0) - today.mean(0)
    noise = pool_variance([[weighted_mean(one, weights) for one in fits] for fits in (today, later)])
    return Verdict(
        task=task.name,
        study=study.study_name,
        trial=None if best is None else best.number,
        trials=len(finished),
        metric=task.metric,
        settings=settings,
        before=weighted_mean(today.mean(0), weights),
        after=weighted_mean(later.mean(0), weights),
        gain=weighted_mean(gains, weights),
        error=widen_error(weighted_error(gains, weights), noise, (FITS, FITS)) if noise else 0.0,
        fold_gain=float(fold_gains.mean()),
        fold_error=float(fold_gains.std(ddof=1)) / math.sqrt(len(fold_gains)) if len(fold_gains) > 1 else 0.0,
        pruned=len(finished) - len(whole),
        seconds=mean_seconds(finished),
    )


def judge_settings(task: Task, settings: Settings) -> Scores:
    """The scores of the unseen split's queries by ``FITS`` fits: (fits, queries)."""
    return np.stack([task.judge(settings, fit) for fit in range(FITS)])


def mean_seconds(trials: Sequence[FrozenTrial]) -> float:
    """What a finished trial took, on average; 0 of none."""
    taken = [trial.duration.total_seconds() for trial in trials if trial.duration is not None]
    return float(np.mean(taken)) if taken else 0.0


def suggest_again(task: Task, trial: FrozenTrial) -> Settings:
    """The settings of a finished trial, rounded as they were tried."""
    return suggest(FixedTrial(trial.params), task.space)


def find_current(task: Task, study: Study) -> list[float] | None:
    """The scores on the folds of the trial that tried today's settings; None where there was none."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if suggest_again(task, trial) == task.current:
            scores: list[float] = trial.user_attrs[FOLDS]
            return scores
    return None


def find_value(trial: FrozenTrial) -> float | None:
    """The mean over the folds that a trial saw; None where it saw none. Optuna's own is, of a pruned one, its last
    part's.
    """
    folds = trial.user_attrs.get(FOLDS)
    return float(np.mean(folds)) if folds else None
