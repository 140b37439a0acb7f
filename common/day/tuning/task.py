"""What a study tries, how a trial is scored, and when its best settings are kept.

The best of many trials is partly luck. So the queries are cut in two halves by whole clusters: one half searches, the
other judges the best against today's settings, once. A trial is a single fit under the quick settings, scored by the
host's metric: where that is too coarse to tell two settings apart, a study sees nothing more. What is judged is what a
run would do: its own settings, several fits, and the noise of both counted.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from optuna import Study, Trial, TrialPruned
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from common.day.difference import Difference, compute_difference, pair_scores
from common.day.record_schema import CLUSTER
from common.day.run_record import average_queries
from common.day.tuning.space import Among, Space, TrialParams
from common.engine.errors import UserError

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
# What settings may lead to; anything else is a fault of the code and ends the study.
EXPECTED = (UserError, ArithmeticError, ValueError)
CURRENT = "current"  # user attribute of the trial that has today's settings
JUDGED = "judged"  # of a study: the trials that were judged


@dataclass(frozen=True)
class Task:
    """What is searched; higher is better.

    ``settings``: under which, without the values of a trial; ``current``: those of the space that they have.
    ``score(params)``: a trial's mean over the half that searches; ``judge(params)``: the queries of the other half, by
    several fits. None of the params: today's settings.
    """

    name: str
    metric: str
    space: Space
    settings: object
    current: TrialParams
    score: Callable[[TrialParams], float]
    judge: Callable[[TrialParams], pl.DataFrame]


@dataclass(frozen=True)
class Verdict:
    """The best ``trial`` of a study beside today's settings, on the half that it did not see: the mean scores, and
    their difference as ``compare`` has it of two runs. ``params``: its values by the dotted key.
    """

    study: str
    trial: int
    trials: int
    metric: str
    params: TrialParams
    before: float
    after: float
    gain: Difference

    @property
    def accepted(self) -> bool:
        """Whether the gain is clear."""
        return self.gain.mean > 0 and self.gain.clear

    @property
    def conclusion(self) -> str:
        """What the study says, in words."""
        return f"{'kept' if self.accepted else 'not kept'}: {self.gain.verdict}"

    @property
    def figures(self) -> dict[str, Any]:
        """What the last table of ``tune`` and tuned.toml say of it."""
        scores = {"before": self.before, "after": self.after, "gain": self.gain.mean, "error": self.gain.error}
        return {"trials": self.trials, "metric": self.metric, **scores}


def split_halves(queries: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The queries that search, and those that judge: a cluster falls on one side, by its name alone, whatever the
    settings.

    >>> searched, judged = split_halves(pl.DataFrame({"query": ["a", "b", "c"], "cluster": [8, 9, 8]}))
    >>> searched["query"].to_list(), judged["query"].to_list()
    (['b'], ['a', 'c'])
    """
    names = queries[CLUSTER if CLUSTER in queries.columns else "query"].cast(pl.String)
    digests = {name: hashlib.blake2b(name.encode(), digest_size=1).digest()[0] for name in names.unique()}
    judges = names.replace_strict(digests, return_dtype=pl.Int64) % 2 == 1
    return queries.filter(~judges), queries.filter(judges)


def suggest(trial: Trial, key: str, among: Among) -> Any:
    """A trial's value of a setting."""
    if isinstance(among, CategoricalDistribution):
        return trial.suggest_categorical(key, among.choices)
    if isinstance(among, IntDistribution):
        return trial.suggest_int(key, among.low, among.high, log=among.log)
    return trial.suggest_float(key, among.low, among.high, log=among.log)


def run_trial(task: Task, trial: Trial) -> float:
    """The score of a trial. Settings that lead to an error are pruned with its first line, so that the sampler keeps
    away from them.
    """
    is_current = trial.user_attrs.get(CURRENT, False)
    params = {
        key: suggest(trial, key, among) for key, among in task.space.items() if not is_current or key in task.current
    }
    try:
        return task.score({} if is_current else params)
    except EXPECTED as error:
        raise TrialPruned((str(error).splitlines() or [type(error).__name__])[0]) from error


def find_best(study: Study) -> FrozenTrial | None:
    """The trial with the highest score; None where that is the one of today's settings, or none has a score."""
    scored = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    best = max(scored, key=lambda trial: trial.value or 0.0, default=None)
    return None if best is None or CURRENT in best.user_attrs else best


def judge_trial(task: Task, study: Study, best: FrozenTrial) -> Verdict:
    """The best trial beside today's settings, on the half that the study did not see. A study that goes on and is
    judged again tries its luck again: all the trials that were judged are counted.
    """
    judged = sorted({*study.user_attrs.get(JUDGED, ()), best.number})
    study.set_user_attr(JUDGED, judged)
    before, after = task.judge({}), task.judge(best.params)
    return Verdict(
        study=study.study_name,
        trial=best.number,
        trials=len(study.get_trials(deepcopy=False, states=FINISHED)),
        metric=task.metric,
        params=best.params,
        before=average_queries(before)["score"],
        after=average_queries(after)["score"],
        gain=compute_difference(pair_scores(before, after), compared=len(judged)),
    )
