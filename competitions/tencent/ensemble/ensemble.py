"""The open mode: the model's scores mixed with counts and a regression. For local use: the competition bans ensembles.

Weights are fitted on the hold-out. Every candidate is scored by every model, a block of queries at a time, so that this
is for catalogues of some ten thousand ads.
"""

from dataclasses import dataclass

import torch

from competitions.tencent.config import OpenSettings
from competitions.tencent.corpus import Corpus, Int64s, join_columns
from competitions.tencent.ensemble import weights as mixing
from competitions.tencent.ensemble.linear import Linear, fit_linear, score_linear
from competitions.tencent.inference.retrieval import TopK, search_scores
from competitions.tencent.inference.stages import EncodedQueries, encode_fold
from competitions.tencent.io.schema import TOP
from competitions.tencent.model.cooccurrence import Counts, fit_counts, score_counts
from competitions.tencent.model.item_attributes import tabulate
from competitions.tencent.model.sparse_history import Floats
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns
from competitions.tencent.training.inputs import ModelInputs, NetworkSettings
from competitions.tencent.training.trainer import Trained

QUERY_BLOCK = 512
MODELS = ("model", "counts", "linear")


@dataclass(frozen=True)
class Tables:
    """The models that the open mode adds to the network."""

    counts: Counts
    linear: Linear


@dataclass(frozen=True)
class Mixed:
    """The answer of the open mode, and the weights of ``MODELS`` in it."""

    top: TopK
    weights: tuple[float, ...]


def fit_tables(corpus: Corpus, fold: Fold, settings: OpenSettings) -> Tables:
    """Counts and regression from what the fold shows."""
    history = fold.history(corpus.train)
    attributes = tabulate(corpus.catalogue, settings.attributes)
    linear = fit_linear(history, corpus.catalogue, attributes, settings.linear)
    return Tables(fit_counts(history, corpus.catalogue, attributes, settings.counts), linear)


def answer(
    inputs: ModelInputs,
    trained: Trained,
    tables: Tables,
    settings: NetworkSettings,
    open_mode: OpenSettings,
    weights: tuple[float, ...] | None,
) -> Mixed:
    """The best candidates of each query under the mix; weights that are not given are fitted to the fold's targets."""
    encoded = encode_fold(inputs, trained, settings)
    fitted = weights or fit_weights(encoded, tables, target_columns(inputs.fold), open_mode, settings.seed)

    def mixed(block: Int64s) -> torch.Tensor:
        return torch.from_numpy(mixing.mix(score_block(encoded, tables, block), fitted))

    return Mixed(search_scores(mixed, len(encoded.queries), encoded.seen, TOP, QUERY_BLOCK), fitted)


def fit_weights(
    encoded: EncodedQueries, tables: Tables, target: Int64s, settings: OpenSettings, seed: int
) -> tuple[float, ...]:
    """The weights of ``MODELS`` with the best Score on these queries. ``target``: columns of the candidates, or -1."""
    parts = [
        mixing.shortlist(score_block(encoded, tables, block), encoded.seen.of(block), target[block], settings.mix.top)
        for block in blocks(len(encoded.queries), QUERY_BLOCK)
    ]
    return mixing.fit_weights(join_columns(parts), settings.mix, seed)


def score_block(encoded: EncodedQueries, tables: Tables, block: Int64s) -> list[Floats]:
    """The scores of each of ``MODELS`` for a block of queries, float32 [block, candidates]."""
    histories, rows = encoded.histories.take(block), encoded.rows
    counted, regressed = score_counts(tables.counts, histories, rows), score_linear(tables.linear, histories, rows)
    return [encoded.score(block).cpu().numpy(), counted, regressed]
