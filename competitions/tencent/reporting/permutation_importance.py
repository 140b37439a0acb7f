"""What the score on the hold-out loses when the network is told one thing wrong: permutation importance of its inputs.

The values of one input change places between ads (an id's vector, a feature, an embedding), between users, or between
events (actions), in histories and candidates alike, and the trained network answers again (Breiman 2001, "Random
forests"). Times stay: within a history they must rise, and between histories no two are alike.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from common.diagnostics.model_diagnostics import Importance
from competitions.tencent import metrics
from competitions.tencent.config import ModelSettings, TrainSettings
from competitions.tencent.corpus import Corpus, Embedding, Int64s
from competitions.tencent.inference.retrieval import search
from competitions.tencent.inference.stages import TOP, place_targets, pose
from competitions.tencent.io import schema
from competitions.tencent.split import Fold
from competitions.tencent.training.trainer import Trained

QUERIES = 1_000
IDS = "tower.ids.weight"
Told = tuple[Corpus, tuple[Embedding, ...], Trained]


def measure_inputs(
    corpus: Corpus,
    embeddings: tuple[Embedding, ...],
    fold: Fold,
    words: Int64s | None,
    trained: Trained,
    model: ModelSettings,
    train: TrainSettings,
    seed: int,
) -> list[Importance]:
    """Each input of the network, the one that the score misses most first; measured on ``QUERIES`` queries at most.

    The wide part (``model.memory``) counts what the network is told besides: with it nothing is measured.
    """
    if model.memory:
        return []
    asked = _draw(fold, np.random.default_rng([seed, 23]))

    def earn(told: Told) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        known, vectors, weights = told
        question = pose(known, vectors, asked, words, None, weights, model, train, seed)
        found = search(question.queries, question.candidates, question.seen, TOP)
        return metrics.earn(place_targets(asked, found))

    whole = earn((corpus, embeddings, trained))
    lost = {name: whole - earn(told) for name, told in _permute((corpus, embeddings, trained), model, seed)}
    measured = [
        Importance(feature=name, gain=None, permutation=float(one.mean()), error=float(one.std() / len(one) ** 0.5))
        for name, one in lost.items()
    ]
    return sorted(measured, key=lambda one: -(one["permutation"] or 0.0))


def _draw(fold: Fold, rng: np.random.Generator) -> Fold:
    """A fold that asks for some of its queries only."""
    assert fold.target is not None
    if len(fold.target) <= QUERIES:
        return fold
    chosen = np.sort(rng.choice(len(fold.target), QUERIES, replace=False))
    return replace(
        fold,
        users=fold.users[chosen],
        until=fold.until[chosen],
        condition=fold.condition[chosen],
        target=fold.target[chosen],
        unseen=None,
        reached=None,
    )


def _permute(told: Told, model: ModelSettings, seed: int) -> Iterator[tuple[str, Told]]:
    """What the network is told, one input at a time in the wrong places. Row 0 of the catalogue is padding."""
    corpus, embeddings, trained = told
    catalogue, users, train = corpus.catalogue, corpus.users, corpus.train
    rng = np.random.default_rng([seed, 29])
    order = np.concatenate([[0], 1 + rng.permutation(len(catalogue.oid) - 1)])
    if model.ids:
        table = trained.weights[IDS]
        mixed = table[np.concatenate([[0], 1 + rng.permutation(len(table) - 1)])]
        yield "ad id", (corpus, embeddings, replace(trained, weights={**trained.weights, IDS: mixed}))
    for column, name in enumerate(schema.ITEM_FEATURES if model.features else ()):
        features = catalogue.features.copy()
        features[:, column] = features[order, column]
        yield (
            f"ad feature {name}",
            (replace(corpus, catalogue=replace(catalogue, features=features)), embeddings, trained),
        )
    for place, one in enumerate(embeddings if model.embeddings else ()):
        others = (*embeddings[:place], replace(one, vectors=one.vectors[order]), *embeddings[place + 1 :])
        yield f"embedding {one.name}", (corpus, others, trained)
    strangers = replace(users, features=users.features[rng.permutation(len(users.features))])
    yield "user features", (replace(corpus, users=strangers), embeddings, trained)
    if model.actions:
        actions = replace(train, action=train.action[rng.permutation(len(train.action))])
        yield "actions of the history", (replace(corpus, train=actions), embeddings, trained)
