"""What `make tune-tencent` searches: how the ranker is fitted, on candidates with features that are kept.

Studies see only what lies before the hold-out: the same hold-out is made again inside it, once at its own cut and once
more before that. The hold-out judges the best settings. The forecast is not searched: each of its settings means other
fusion weights, candidates and features, minutes a trial.
"""

import dataclasses
import operator

import msgspec
from optuna.distributions import FloatDistribution, IntDistribution

from common.day.tuning.search_space import Settings, Space
from common.day.tuning.task import Scores, Task
from common.day.tuning.tuned_config import put
from common.engine.run import Run
from competitions.tencent import metrics, split
from competitions.tencent.config import TencentConfig
from competitions.tencent.io import reader
from competitions.tencent.pipeline import Prepared, prepare, rank

FOLDS = 2
SPACE: Space = {
    "ranker.fit.rate": FloatDistribution(5e-4, 1e-2, log=True),
    "ranker.fit.decay": FloatDistribution(1e-3, 1.0, log=True),
    "ranker.fit.hidden": IntDistribution(8, 128, log=True),
    "ranker.fit.epochs": IntDistribution(3, 20),
}


def list_tasks(config: TencentConfig) -> list[str]:
    """The ranker alone."""
    return ["ranker"]


def make_task(name: str, files: reader.RawFiles, config: TencentConfig, run: Run) -> Task:
    """The task of the ranker."""
    ready = prepare(files, config, run)
    inner = hold_out_again(ready, config, run, FOLDS)

    def score(settings: Settings, index: int) -> Scores:
        return _score_queries(inner[index], change(config, settings), run, f"tune{index}")

    def judge(settings: Settings, number: int) -> Scores:
        return _score_queries(ready, change(config.of_fit(number), settings), run, "valid")

    current = {key: operator.attrgetter(key)(config) for key in SPACE}
    return Task(name, "score", SPACE, current, FOLDS, score, judge)


def hold_out_again(ready: Prepared, config: TencentConfig, run: Run, times: int) -> list[Prepared]:
    """The hold-out made again inside itself, so many times, each without the targets of the one before: for studies,
    which must not see the hold-out.
    """
    inner, plan = [], ready.plan.value
    corpus, fold = ready.corpus, ready.valid
    host, division, seed = plan.host, plan.split, config.seed
    for depth in range(times):
        corpus = run.step(split.end_corpus, corpus, fold, name=f"tune.corpus{depth}")
        label = f"tune.hold_out{depth}"
        fold = run.step(split.hold_out, corpus.train, corpus.candidates, host, division, seed, name=label)
        inner.append(dataclasses.replace(ready, corpus=corpus, valid=fold))
    return inner


def change(config: TencentConfig, settings: Settings) -> TencentConfig:
    """The configuration with other values under some dotted keys."""
    tables = msgspec.to_builtins(config)
    for key, value in settings.items():
        put(tables, key, value)
    return msgspec.convert(tables, TencentConfig)


def _score_queries(ready: Prepared, config: TencentConfig, run: Run, name: str) -> Scores:
    """The Score of every query, weighted by its action, with a model that learned from what its fold shows."""
    answers = rank(ready, ready.valid, config, run, name).answers.value
    return metrics.score_queries(ready.valid.value, answers.best, config.host)
