"""What `make tune-tencent` searches: the trees of the ranker, on candidates with features that are kept.

Studies do not see the hold-out: a trial is judged on the folds before it, each answered by what those behind it taught.
The hold-out judges the best settings.
"""

import operator

import msgspec
from optuna.distributions import FloatDistribution, IntDistribution

from common.day.tuning.task import Scores, Space, Task, TrialParams
from common.day.tuning.tuned_config import put
from common.engine.errors import UserError
from common.engine.run import Run
from competitions.tencent import metrics
from competitions.tencent.config import TencentConfig
from competitions.tencent.io import reader
from competitions.tencent.pipeline import prepare, rank

SPACE: Space = {
    "ranker.fit.rounds": IntDistribution(50, 800, log=True),
    "ranker.fit.rate": FloatDistribution(0.01, 0.3, log=True),
    "ranker.fit.leaves": IntDistribution(7, 127, log=True),
    "ranker.fit.least": IntDistribution(10, 1_000, log=True),
    "ranker.fit.features": FloatDistribution(0.2, 1.0),
    "ranker.fit.l2": FloatDistribution(0.1, 100.0, log=True),
}


def list_tasks(config: TencentConfig) -> list[str]:
    """The ranker alone."""
    return ["ranker"]


def make_task(name: str, files: reader.RawFiles, config: TencentConfig, run: Run) -> Task:
    """The task of the ranker. ``UserError`` where only the hold-out has a fold behind it to learn from."""
    ready = prepare(files, config, run)
    chain = [ready.valid, *ready.earlier]  # from the latest to the earliest
    if len(chain) < 3:
        raise UserError("Tuning needs two folds before the hold-out, and there are fewer: add --set split.earlier=2.")

    def score_fold(at: int, params: TrialParams, config: TencentConfig, label: str) -> Scores:
        """The Score of every query of a fold, weighted by its action, by a ranker that learned from those behind it."""
        answers = rank(ready, chain[at], chain[at + 1 :], change(config, params), run, label).answers.value
        return metrics.score_queries(chain[at].value, answers.best, config.host)

    return Task(
        name=name,
        metric="score",
        space=SPACE,
        current={key: operator.attrgetter(key)(config) for key in SPACE},
        folds=len(chain) - 2,
        score=lambda params, index: score_fold(index + 1, params, config, f"tune{index}"),
        judge=lambda params, number: score_fold(0, params, config.of_fit(number), "valid"),
    )


def change(config: TencentConfig, params: TrialParams) -> TencentConfig:
    """The configuration with other values under some dotted keys."""
    tables = msgspec.to_builtins(config)
    for key, value in params.items():
        put(tables, key, value)
    return msgspec.convert(tables, TencentConfig)
