"""Before the full fits of a large log: which models are worth one.

On the host's files CatBoost takes several times as long as LightGBM. Any second fit makes a mixture likelier, another
one by LightGBM as well: a model earns its full fit where the mixture with it is clearly likelier than that, and where
none does LightGBM is fitted once more in its place. Fits on the latest tenth of the training searches, which are the
nearest to those to come, say so at a tenth of the cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from common.arrays import Floats, Ints
from common.engine.decisions import Decision
from common.learning.blending import cross_blend, take_queries
from common.learning.dataset import RankingDataset, pick_queries
from common.learning.fitters import Recipe
from common.learning.gbdt import fit, predict
from common.learning.listwise_softmax import log_likelihoods
from common.learning.metrics import average
from competitions.flight.metrics import LARGE
from competitions.flight.plan import Plan
from competitions.flight.ranking.rankers import thin
from competitions.flight.ranking.training_data import FoldData

SHARE = 0.1  # of the training searches, the latest
MIN_ERRORS = 2.0  # paired, by which a mixture is likelier


def try_models(
    plan: Plan,
    recipes: Mapping[str, Recipe],
    folds: Sequence[FoldData],
    sessions: pl.DataFrame,
    searches: Ints,
    negatives: int,
) -> Plan:
    """The plan with the first of the recipes, and with those of the others whose even mixture with it is likelier than
    that of two fits of the first, by ``MIN_ERRORS`` errors. For each that is left out the first is fitted once more.

    ``sessions`` of the train file, and ``searches``, the number of each one's search; twins count as one in the error.
    """
    first, *others = recipes
    times = sessions["time"].to_numpy()
    rows = [(take_latest(fold, times), thin(fold.valid, negatives, 0)) for fold in folds]
    labels, sizes = (np.concatenate([getattr(valid, name) for _, valid in rows]) for name in ("labels", "group_sizes"))
    counted = np.concatenate([fold.valid.group_sizes for fold in folds]) > LARGE
    clusters = searches[np.concatenate([fold.sessions for fold in folds])[counted]]
    base = score_trial(recipes[first], rows)

    def mix(other: Recipe) -> Floats:
        """The log likelihood of each scored session by the even mixture of the first recipe and another."""
        own = take_queries(np.column_stack([base, score_trial(other, rows)]), labels, sizes, counted)
        return log_likelihoods(cross_blend(*own, clusters)[0], *own[1:])

    twice = mix(replace(recipes[first], seed=recipes[first].seed + recipes[first].seeds))
    chosen, reasons = [first], []
    for name in others:
        gain, error = average(mix(recipes[name]) - twice, clusters=clusters)
        chosen += [name] if gain > MIN_ERRORS * error else []
        reasons.append(f"with {name} in place of a second fit of {first} {gain:+.4f} ± {error:.4f} of log likelihood")
    seeds = plan.seeds * (1 + len(recipes) - len(chosen))
    why = f"fits on the latest {SHARE:.0%} of the searches: {'; '.join(reasons)}"
    decision = Decision("rank.models", f"{', '.join(chosen)}, fits of each: {seeds}", why)
    parameters = {name: plan.parameters[name] for name in chosen}
    return replace(plan, parameters=parameters, seeds=seeds, decisions=(*plan.decisions, decision))


def take_latest(fold: FoldData, times: Ints) -> RankingDataset:
    """The training rows of the latest searches of a fold; ``times`` by session of the train file."""
    own = times[fold.learned]
    return pick_queries(fold.train, own >= np.quantile(own, 1 - SHARE))


def score_trial(recipe: Recipe, rows: Sequence[tuple[RankingDataset, RankingDataset]]) -> Floats:
    """The scores of the second of each pair of rows by a fit on the first, one pair after the other."""
    one = replace(recipe, seeds=1)
    fitted = [(fit(one, train, valid), valid) for train, valid in rows]
    return np.concatenate([predict(ranker, valid.names, valid.features) for ranker, valid in fitted])
