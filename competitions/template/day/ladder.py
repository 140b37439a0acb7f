"""What each part is worth: popularity, what follows the last item, then the ranker, on the same validation users."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.day.ladder import BOOSTING, NEIGHBOURS, POPULARITY, Ladder, Rung, Scored
from common.engine.run import Run
from common.learning.gbdt import fit
from common.learning.metrics import reciprocal_ranks
from competitions.template.config import TemplateConfig
from competitions.template.io import reader
from competitions.template.pipeline import prepare
from competitions.template.ranking import CUTOFF, Labelled, make_recipe, score_valid


def climb(files: reader.RawFiles, config: TemplateConfig, run: Run, only: str | None = None) -> list[dict[str, Any]]:
    """The ladder, a row a rung; ``only``: the key of one rung."""
    rows = prepare(files, config, run).rows

    def score(feature: str) -> Scored:
        return Scored(run.step(score_by, rows, feature, name=f"ladder.{feature}").value)

    def boost() -> Scored:
        early = run.step(fit, make_recipe(config), rows.train, rows.valid, name="fit")
        return Scored(run.step(score_valid, rows, early).value)

    follows = "what follows the last item"
    rungs = [
        Rung("popularity", "popularity", POPULARITY, lambda: score("item_count"), score_by),
        Rung("transitions", follows, NEIGHBOURS, lambda: score("pair_follows"), score_by),
        Rung("lightgbm", "LightGBM", BOOSTING, boost, make_recipe),
    ]
    return Ladder(run, "From popularity to the ranker", "MRR@5", files).climb(rungs, only)


def score_by(rows: Labelled, feature: str) -> NDArray[np.float64]:
    """What each validation query earns by one feature alone."""
    valid = rows.valid
    values = valid.features[:, valid.names.index(feature)].astype(np.float64)
    return reciprocal_ranks(values, valid.labels, valid.group_sizes, CUTOFF)
