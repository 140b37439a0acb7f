"""What `make tune-template` searches: the ranker's parameters, on folds of training queries; validation judges."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.day.tuning.gbdt_task import tune_ranker
from common.day.tuning.task import Scores, Task
from common.engine.run import Run
from common.learning.dataset import RankingDataset, pick_queries
from common.learning.gbdt import fit, predict
from common.learning.metrics import reciprocal_ranks
from competitions.template.config import MODEL, TemplateConfig
from competitions.template.io.reader import RawFiles
from competitions.template.pipeline import prepare
from competitions.template.ranking import CUTOFF, make_recipe

FOLDS = 3


def list_tasks(config: TemplateConfig) -> list[str]:
    """Names of what can be tuned."""
    return [MODEL]


def make_task(name: str, files: RawFiles, config: TemplateConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    rows = prepare(files, config, run).rows.value
    recipe = make_recipe(config)

    def score(parameters: Mapping[str, Any], train: RankingDataset, held: RankingDataset, number: int = 0) -> Scores:
        changed = make_recipe(config.of_fit(number), parameters)
        return reciprocal_ranks(
            predict(fit(changed, train, held), held.features), held.labels, held.group_sizes, CUTOFF
        )

    def score_fold(parameters: Mapping[str, Any], fold: int) -> Scores:
        held = np.arange(len(rows.train.group_sizes)) % FOLDS == fold
        return score(parameters, pick_queries(rows.train, ~held), pick_queries(rows.train, held))

    return tune_ranker(
        name,
        f"rank.{name}",
        recipe.parameters,
        f"MRR@{CUTOFF}",
        FOLDS,
        score_fold,
        lambda parameters, number: score(parameters, rows.train, rows.valid, number),
    )
