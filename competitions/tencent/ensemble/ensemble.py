"""The open mode: the model's scores mixed with counts and a regression. For local use: the competition bans ensembles.

Weights are found on the hold-out. Every candidate is scored by every model, a block of queries at a time, so that this
is for catalogues of some ten thousand ads.
"""

from dataclasses import dataclass

import numpy as np
import torch

from competitions.tencent.config import ModelSettings, TrainSettings
from competitions.tencent.corpus import Corpus, Embedding, Int64s
from competitions.tencent.ensemble import weights as mixing
from competitions.tencent.ensemble.linear import Linear, fit_linear, score_linear
from competitions.tencent.ensemble.settings import OpenSettings
from competitions.tencent.inference.retrieval import Top, search_scores
from competitions.tencent.inference.stages import TOP, Question, pose
from competitions.tencent.model.cooccurrence import Counts, fit_counts, score_counts
from competitions.tencent.model.cooccurrence_term import Memory
from competitions.tencent.model.item_attributes import tabulate
from competitions.tencent.model.sparse_history import Floats
from competitions.tencent.sequences import Histories, blocks
from competitions.tencent.split import Fold
from competitions.tencent.training.trainer import Trained

QUERY_BLOCK = 512
MODELS = ("model", "counts", "linear")


@dataclass(frozen=True)
class Tables:
    """What the open mode adds to the model."""

    counts: Counts
    linear: Linear


@dataclass(frozen=True)
class Mixed:
    """The answer of the open mode, and the weights of ``MODELS`` in it."""

    top: Top
    weights: tuple[float, ...]


def fit_tables(corpus: Corpus, fold: Fold, settings: OpenSettings) -> Tables:
    """Counts and regression from what the fold shows."""
    history = fold.history(corpus.train)
    attributes = tabulate(corpus.catalogue, settings.attributes)
    linear = fit_linear(history, corpus.catalogue, attributes, settings.linear)
    return Tables(fit_counts(history, corpus.catalogue, attributes, settings.counts), linear)


def answer(
    corpus: Corpus,
    embeddings: tuple[Embedding, ...],
    fold: Fold,
    words: Int64s | None,
    memory: Memory | None,
    trained: Trained,
    tables: Tables,
    model: ModelSettings,
    train: TrainSettings,
    settings: OpenSettings,
    weights: tuple[float, ...] | None,
    seed: int,
) -> Mixed:
    """The best candidates of each query under the mix; weights that are not given are found on the fold's targets."""
    asked = pose(corpus, embeddings, fold, words, memory, trained, model, train, seed)
    if weights is None:
        weights = find_weights(asked, tables, place_targets(asked, fold, len(corpus.catalogue.oid)), settings, seed)
    chosen = weights

    def mixed(block: Int64s) -> torch.Tensor:
        return torch.from_numpy(mixing.mix(score_block(asked, tables, block), chosen))

    return Mixed(search_scores(mixed, len(asked.queries), asked.seen, TOP, QUERY_BLOCK), weights)


def find_weights(
    asked: Question, tables: Tables, target: Int64s, settings: OpenSettings, seed: int
) -> tuple[float, ...]:
    """The weights of ``MODELS`` with the best Score on these queries. ``target``: places in the candidates, or -1."""
    parts = [
        mixing.shortlist(score_block(asked, tables, block), asked.seen.of(block), target[block], settings.mix.top)
        for block in blocks(len(asked.queries), QUERY_BLOCK)
    ]
    return mixing.find_weights(mixing.join(parts), settings.mix, seed)


def score_block(asked: Question, tables: Tables, block: Int64s) -> list[Floats]:
    """The scores of each of ``MODELS`` for a block of queries, float32 [block, candidates]."""
    part: Histories = asked.histories.take(block)
    counted, regressed = score_counts(tables.counts, part, asked.rows), score_linear(tables.linear, part, asked.rows)
    return [asked.score(block).cpu().numpy(), counted, regressed]


def place_targets(asked: Question, fold: Fold, ads: int) -> Int64s:
    """The targets of a fold as places in its candidates, -1 for none."""
    if fold.target is None:
        raise ValueError("the host has the answers")
    place = np.full(ads, -1)
    place[asked.rows] = np.arange(len(asked.rows))
    found: Int64s = place[fold.target]
    return found
