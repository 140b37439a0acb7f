"""Permutation importance of the inputs: what the score on the hold-out loses when one of them is shuffled.

Of the ranker, one column of the pairs is shuffled at a time. Of the network, the values of one input are shuffled
between ads (an id's vector, a feature, an embedding), between users, or between events (actions), in histories and
candidates alike, and the trained network answers again (Breiman 2001, "Random forests"). Times stay: within a history
they must rise, and between histories no two are alike.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from common.learning.model_diagnostics import Importance
from competitions.tencent import metrics
from competitions.tencent.config import FeatureSettings, ModelSettings
from competitions.tencent.inference.stages import encode_fold, rank_targets
from competitions.tencent.io import schema
from competitions.tencent.model.sparse_history import Floats
from competitions.tencent.ranking.ranker import Ranker
from competitions.tencent.ranking.scoring import BLOCK, describe_block
from competitions.tencent.ranking.stages import RankerInputs, prepare_fold
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns
from competitions.tencent.training.inputs import ModelInputs, NetworkSettings
from competitions.tencent.training.trainer import Trained

QUERIES, PAIR_QUERIES = 1_000, 400
IDS = "tower.ids.weight"


def measure_inputs(inputs: ModelInputs, trained: Trained, settings: NetworkSettings) -> list[Importance]:
    """Each input of the network, the one that the score misses most first; measured on ``QUERIES`` queries at most.

    The wide part (``model.memory``) counts the events themselves: with it nothing is measured.
    """
    if settings.model.memory:
        return []
    fold = _sample_queries(inputs.fold, np.random.default_rng([settings.seed, 23]), QUERIES)
    inputs = replace(inputs, fold=fold)

    def score(inputs: ModelInputs, trained: Trained) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return metrics.score_answers(rank_targets(fold, encode_fold(inputs, trained, settings).search()))

    whole = score(inputs, trained)
    shuffled = _shuffle_each(inputs, trained, settings.model, settings.seed)
    losses = {name: whole - score(changed, weights) for name, changed, weights in shuffled}
    measured = [
        Importance(feature=name, gain=None, permutation=float(loss.mean()), error=float(loss.std() / len(loss) ** 0.5))
        for name, loss in losses.items()
    ]
    return sorted(measured, key=lambda importance: -(importance["permutation"] or 0.0))


def measure_columns(inputs: RankerInputs, ranker: Ranker, settings: FeatureSettings, seed: int) -> list[Importance]:
    """Each column of the ranker, the one that the score misses most first: its values are shuffled between pairs.

    Measured on ``PAIR_QUERIES`` queries at most, among what the first search finds.
    """
    rng = np.random.default_rng([seed, 31])
    fold = _sample_queries(inputs.fold, rng, PAIR_QUERIES)
    ready = prepare_fold(inputs, fold, inputs.forecasts[-1], settings)
    parts = [describe_block(ready, block) for block in blocks(len(fold.users), BLOCK)]
    columns, scores, features = (np.concatenate([part[at] for part in parts]) for at in range(3))
    hit = (columns == target_columns(fold)[:, None]) & np.isfinite(scores)

    def score(features: Floats) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        given = np.where(np.isfinite(scores), ranker.score(features), -np.inf)
        own = np.where(hit, given, -np.inf).max(1)
        rank = np.where(hit.any(1), (given >= own[:, None]).sum(1), 0)
        return metrics.score_answers(np.where(rank <= schema.TOP, rank, 0))

    whole, measured = score(features), []
    flat = features.reshape(-1, features.shape[2])
    for at, name in enumerate(ranker.names):
        kept = flat[:, at].copy()
        flat[:, at] = kept[rng.permutation(len(kept))]
        loss = whole - score(features)
        flat[:, at] = kept
        error = float(loss.std() / len(loss) ** 0.5)
        measured.append(Importance(feature=name, gain=None, permutation=float(loss.mean()), error=error))
    return sorted(measured, key=lambda importance: -(importance["permutation"] or 0.0))


def _sample_queries(fold: Fold, rng: np.random.Generator, most: int) -> Fold:
    """The fold with at most so many of its queries."""
    assert fold.target is not None
    if len(fold.target) <= most:
        return fold
    chosen = np.sort(rng.choice(len(fold.target), most, replace=False))
    return replace(
        fold,
        users=fold.users[chosen],
        query_ends=fold.query_ends[chosen],
        condition=fold.condition[chosen],
        target=fold.target[chosen],
        unseen=None,
        target_action=None,
    )


def _shuffle_each(
    inputs: ModelInputs, trained: Trained, model: ModelSettings, seed: int
) -> Iterator[tuple[str, ModelInputs, Trained]]:
    """Inputs and weights with one input after another shuffled. Row 0 of the catalogue is padding and stays."""
    corpus, embeddings = inputs.corpus, inputs.embeddings
    catalogue, users, train = corpus.catalogue, corpus.users, corpus.train
    rng = np.random.default_rng([seed, 29])
    order = np.concatenate([[0], 1 + rng.permutation(len(catalogue.oid) - 1)])
    if model.ids:
        table = trained.weights[IDS]
        ids = table[np.concatenate([[0], 1 + rng.permutation(len(table) - 1)])]
        yield "ad id", inputs, replace(trained, weights={**trained.weights, IDS: ids})
    for column, name in enumerate(schema.ITEM_FEATURES if model.features else ()):
        features = catalogue.features.copy()
        features[:, column] = features[order, column]
        changed = replace(corpus, catalogue=replace(catalogue, features=features))
        yield f"ad feature {name}", replace(inputs, corpus=changed), trained
    for index, one in enumerate(embeddings if model.embeddings else ()):
        others = (*embeddings[:index], replace(one, vectors=one.vectors[order]), *embeddings[index + 1 :])
        yield f"embedding {one.name}", replace(inputs, embeddings=others), trained
    shuffled_users = replace(users, features=users.features[rng.permutation(len(users.features))])
    yield "user features", replace(inputs, corpus=replace(corpus, users=shuffled_users)), trained
    if model.actions:
        actions = replace(train, action=train.action[rng.permutation(len(train.action))])
        yield "actions of the history", replace(inputs, corpus=replace(corpus, train=actions)), trained
