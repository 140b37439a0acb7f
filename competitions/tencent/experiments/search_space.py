"""What `make tune-tencent` searches: how the network is trained.

Studies see only what lies before the hold-out: the same hold-out is made again inside it, once at its own cut and once
more before that. The hold-out judges the best settings.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from common.pipeline.run import Run
from common.tuning import search_space
from common.tuning.search_space import Settings
from common.tuning.task import Scores, Task
from competitions.tencent import metrics, split
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, Sequences
from competitions.tencent.inference import stages
from competitions.tencent.io import reader
from competitions.tencent.outcome import Prepared
from competitions.tencent.pipeline import fit_and_answer, prepare
from competitions.tencent.split import Fold

FOLDS = 2
NETWORK = "network"
SPACE: search_space.Space = {
    "train.rate": search_space.Floats(5e-4, 2e-2, log=True),
    "train.temperature": search_space.Floats(0.02, 0.2, log=True),
    "train.decay": search_space.Floats(1e-4, 0.1, log=True),
    "train.exposure_weight": search_space.Floats(0.1, 10.0, log=True),
    "model.dropout": search_space.Floats(0.0, 0.4),
    "model.id_dropout": search_space.Floats(0.0, 0.9),
    "model.feature_dropout": search_space.Floats(0.0, 0.5),
}


def list_tasks(config: TencentConfig) -> list[str]:
    """Names of what can be tuned."""
    return [NETWORK]


def make_task(name: str, files: reader.RawFiles, config: TencentConfig, run: Run) -> Task:
    """The task of the network."""
    ready = prepare(files, config, run)
    inner: list[Prepared] = []
    corpus, fold = ready.corpus, ready.valid
    for depth in range(FOLDS):
        corpus = run.step(end_at, corpus, fold, name=f"tune.corpus{depth}")
        fold = run.step(
            split.hold_out,
            corpus.train,
            corpus.candidates,
            config.host,
            config.split,
            config.seed,
            name=f"tune.hold_out{depth}",
        )
        inner.append(dataclasses.replace(ready, corpus=corpus, valid=fold))

    def score(settings: Settings, index: int) -> float:
        return float(_score_queries(inner[index], change(config, settings), run, f"tune{index}").mean())

    def judge(settings: Settings) -> Scores:
        return _score_queries(ready, change(config, settings), run, "valid")

    current = {key: getattr(getattr(config, key.partition(".")[0]), key.partition(".")[2]) for key in SPACE}
    return Task(NETWORK, "score", SPACE, current, FOLDS, score, judge)


def end_at(corpus: Corpus, fold: Fold) -> Corpus:
    """The corpus as it was where the fold's history ends: without the fold's targets."""
    history = fold.history(corpus.train)
    events, train = history.events(), corpus.train
    offsets = np.concatenate([[0], np.cumsum(history.lengths)])
    ended = Sequences(offsets, train.item[events], train.action[events], train.time[events])
    return dataclasses.replace(corpus, train=ended)


def change(config: TencentConfig, settings: Settings) -> TencentConfig:
    """The configuration with other values."""
    tables: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        table, _, name = key.partition(".")
        tables.setdefault(table, {})[name] = value
    changed: Mapping[str, Any] = {
        table: msgspec.structs.replace(getattr(config, table), **values) for table, values in tables.items()
    }
    return msgspec.structs.replace(config, **changed)


def _score_queries(ready: Prepared, config: TencentConfig, run: Run, name: str) -> Scores:
    """The Score of every query, with a network trained on what its fold shows."""
    answer = fit_and_answer(ready, ready.valid, config, run, name).answer.value
    return metrics.score_answers(stages.rank_targets(ready.valid.value, answer.vectors))
