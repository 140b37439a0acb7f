"""One parameter set, tuned: what is tried, on which folds it is judged, and when a gain is one.

A study never sees the split on which its best is judged in the end. The settings of today are its first trial, so that
it can only gain; a trial that lies behind the best one beyond chance after a fold is not carried on.
"""

import math
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from optuna import Study, Trial, TrialPruned
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from common.day.difference import Difference, compute_difference
from common.day.fit_noise import pool_variance, smallest_gain
from common.day.run_record import WEIGHT
from common.day.tuning.search_space import Settings, Space, suggest
from common.engine.errors import UserError
from common.learning.metrics import weighted_mean

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

    ``gain``: on the unseen split, between the means of ``FITS`` fits each, as ``compare`` has it of two runs;
    ``fold_gain`` and ``fold_error`` are mean and standard error of the gain over the study's folds. Of ``trials`` so
    many were ``pruned``. ``trial``: the number of the best, None where there was none.
    """

    task: str
    study: str
    trial: int | None
    trials: int
    metric: str
    settings: Settings
    before: float
    after: float
    gain: Difference
    fold_gain: float
    fold_error: float
    pruned: int = 0

    @property
    def accepted(self) -> bool:
        """Whether there is a gain on the study's folds, and a clear one on the split that it did not see."""
        return self.fold_gain > self.fold_error and self.gain.mean > 0 and self.gain.clear

    @property
    def conclusion(self) -> str:
        """What the study says, in words: a search of a few trials says nothing of what it did not find."""
        if self.trials < 2:
            return "no search done"
        if self.accepted:
            return f"kept: {self.gain.verdict}"
        few = f", and {FEW} trials or fewer say little" if self.trials <= FEW else ""
        return f"not kept: {self.gain.verdict}{few}"


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


def judge_study(task: Task, study: Study, today: Scores) -> Verdict:
    """The best trial of a study beside the settings of ``today``, by their scores on the split that it did not see.

    The best of many trials is partly luck: only the unseen split tells how much.
    """
    finished = study.get_trials(deepcopy=False, states=FINISHED)
    whole = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    best = study.best_trial if whole else None
    settings, later, fold_gains = task.current, today, np.zeros(1)
    if best is not None and (settings := suggest_again(task, best)) != task.current:
        later = judge_settings(task, settings)
        current = find_current(task, study) or [
            float(task.score(task.current, fold).mean()) for fold in range(task.folds)
        ]
        fold_gains = np.array(best.user_attrs[FOLDS]) - np.array(current)
    weights = weigh_queries(task, today)
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
        gain=compute_difference(pair_fits(today, later, weights), noise, (FITS, FITS)),
        fold_gain=float(fold_gains.mean()),
        fold_error=float(fold_gains.std(ddof=1)) / math.sqrt(len(fold_gains)) if len(fold_gains) > 1 else 0.0,
        pruned=len(finished) - len(whole),
    )


def judge_settings(task: Task, settings: Settings) -> Scores:
    """The scores of the unseen split's queries by ``FITS`` fits: (fits, queries)."""
    return np.stack([task.judge(settings, fit) for fit in range(FITS)])


def weigh_queries(task: Task, scores: Scores) -> Scores:
    """How much each query of the unseen split counts."""
    return np.ones(scores.shape[1]) if task.weights is None else task.weights


def pair_fits(one: Scores, other: Scores, weights: Scores) -> pl.DataFrame:
    """The queries of two settings, (fits, queries) each, as ``compute_difference`` takes them."""
    return pl.DataFrame({"before": one.mean(0), "after": other.mean(0), WEIGHT: weights})


def describe_need(task: Task, today: Scores) -> str:
    """What it takes to be kept, before a trial is made: by how far the fits of today's settings lie apart."""
    weights = weigh_queries(task, today)
    noise = pool_variance([[weighted_mean(fit, weights) for fit in today]])
    # Two fits of the same settings differ by chance alone; that of two means of so many is smaller.
    apart = compute_difference(pair_fits(today[:1], today[1:2], weights)).error / math.sqrt(FITS)
    gain = 0.0 if noise is None else smallest_gain(apart, noise, FITS)
    seen = f"a gain below about {gain:.4f} is within their noise" if gain else "another fit does not move this score"
    return (
        f"today's settings have {weighted_mean(today.mean(0), weights):.4f} on {today.shape[1]:,} unseen queries"
        f" ({FITS} fits): {seen}. The first {FEW} trials are drawn at random: a study needs more than these"
    )


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
