"""One parameter set, tuned: what is tried, on which folds it is judged, and when a gain is one.

A study never sees the split on which its best is judged in the end. The settings of today are its first trial, so that
it can only gain; a trial that lies behind the best one beyond chance after a fold is not carried on.
"""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from optuna import Study, Trial, TrialPruned
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState

from common.day.difference import Difference, compute_difference, pool_variance
from common.day.record_schema import WEIGHT
from common.engine.errors import UserError

Scores = NDArray[np.float64]
Space = Mapping[str, FloatDistribution | IntDistribution]  # dotted key of a configuration -> what may be tried
TrialParams = dict[str, Any]  # dotted key of a configuration -> value
DIGITS = 3  # significant ones: a tuned.toml that a person can read, and what is judged is what is written
# Of a fold's queries, in their order: the pruner pairs two trials part by part, and three folds alone never tell them
# apart (a signed-rank test of three pairs has no p-value below 1/8).
PARTS = 5
JUDGED_FITS = 3  # of today's settings and of the best
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
# What settings may lead to; anything else is a fault of the code and ends the study.
EXPECTED = (UserError, ArithmeticError, ValueError)
FOLDS, WORKER = "folds", "worker"  # user attributes of a trial: its score on every fold, who computes it


@dataclass(frozen=True)
class Task:
    """A parameter set and how it is judged; higher is better.

    ``current``: today's value of every key of ``space``. ``score(params, fold)``: the score of each query of fold
    0 .. folds - 1 of the study. ``judge(params, fit)``: the same of the split that the study does not see, by one of
    several fits (``fit_seed``), where a query counts by ``weights``, all alike where these are None.
    """

    name: str
    metric: str
    space: Space
    current: TrialParams
    folds: int
    score: Callable[[TrialParams, int], Scores]
    judge: Callable[[TrialParams, int], Scores]
    weights: Scores | None = None


@dataclass(frozen=True)
class Verdict:
    """The result of a study: its best settings beside today's, on the unseen split.

    ``trial``: the number of the best of ``trials``, None where there was none; ``params``: its values. ``before``,
    ``after``: the means of ``JUDGED_FITS`` fits each; ``gain``: their difference, as ``compare`` has it of two runs.
    """

    task: str
    study: str
    trial: int | None
    trials: int
    metric: str
    params: TrialParams
    before: float
    after: float
    gain: Difference

    @property
    def accepted(self) -> bool:
        """Whether there is a clear gain on the split that the study did not see."""
        return self.gain.mean > 0 and self.gain.clear

    @property
    def conclusion(self) -> str:
        """What the study says, in words."""
        if self.trials < 2:
            return "no search done"
        return f"{'kept' if self.accepted else 'not kept'}: {self.gain.verdict}"

    @property
    def figures(self) -> dict[str, Any]:
        """What the last table of ``tune`` and tuned.toml say of it."""
        scores = {"before": self.before, "after": self.after, "gain": self.gain.mean, "error": self.gain.error}
        return {"trials": self.trials, "metric": self.metric, **scores}


def suggest(trial: Trial, space: Space) -> TrialParams:
    """A trial's value for every key."""
    return {
        key: trial.suggest_int(key, among.low, among.high, log=among.log)
        if isinstance(among, IntDistribution)
        else trial.suggest_float(key, among.low, among.high, log=among.log)
        for key, among in space.items()
    }


def round_params(params: TrialParams) -> TrialParams:
    """The same with floats of ``DIGITS`` significant digits.

    >>> round_params({"rate": 0.000998765, "leaves": 12345})
    {'rate': 0.000999, 'leaves': 12345}
    """
    rounded = {key: float(f"{value:.{DIGITS}g}") for key, value in params.items() if isinstance(value, float)}
    return {**params, **rounded}


def fits(space: Space, params: TrialParams) -> bool:
    """Whether these values lie in the space, so that a study can enqueue them."""
    return all(among.low <= params[key] <= among.high for key, among in space.items())


def run_trial(task: Task, trial: Trial) -> float:
    """The mean score of a trial over the folds; fold by fold, until the pruner stops it. Settings that lead to an error
    are pruned with its first line, so that the sampler keeps away from them.
    """
    trial.set_user_attr(WORKER, f"{socket.gethostname()}-{os.getpid()}")
    params, means = suggest(trial, task.space), []
    for fold in range(task.folds):
        try:
            scores = task.score(params, fold)
        except EXPECTED as error:
            raise TrialPruned((str(error).splitlines() or [type(error).__name__])[0]) from error
        means.append(float(scores.mean()))
        trial.set_user_attr(FOLDS, means)
        for number, part in enumerate(np.array_split(scores, min(PARTS, len(scores)))):
            trial.report(float(part.mean()), fold * PARTS + number)
        if fold + 1 < task.folds and trial.should_prune():
            raise TrialPruned(f"Its mean after fold {fold + 1} of {task.folds}: {np.mean(means):.4f}.")
    return float(np.mean(means))


def judge_study(task: Task, study: Study, today: Scores) -> Verdict:
    """The best trial of a study beside the settings of ``today``, by their scores on the split that it did not see.

    The best of many trials is partly luck: only the unseen split tells how much.
    """
    finished = study.get_trials(deepcopy=False, states=FINISHED)
    best = study.best_trial if any(trial.state == TrialState.COMPLETE for trial in finished) else None
    if best is None or best.params == task.current:
        params, later = task.current, today
    else:
        params = round_params(best.params)
        later = judge_params(task, params)
    # The score of each fit is the weighted mean of its queries.
    before, after = (np.average(scores, axis=1, weights=task.weights).tolist() for scores in (today, later))
    weight = {} if task.weights is None else {WEIGHT: task.weights}
    queries = pl.DataFrame({"before": today.mean(0), "after": later.mean(0), **weight})
    return Verdict(
        task=task.name,
        study=study.study_name,
        trial=None if best is None else best.number,
        trials=len(finished),
        metric=task.metric,
        params=params,
        before=fmean(before),
        after=fmean(after),
        gain=compute_difference(queries, pool_variance([before, after]), (JUDGED_FITS, JUDGED_FITS)),
    )


def judge_params(task: Task, params: TrialParams) -> Scores:
    """The scores of the unseen split's queries by ``JUDGED_FITS`` fits: (fits, queries)."""
    return np.stack([task.judge(params, fit) for fit in range(JUDGED_FITS)])
