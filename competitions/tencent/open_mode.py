"""The open mode: the model's scores mixed with counts and a regression. For local use: the competition bans ensembles.

Weights are found on the hold-out. Every candidate is scored by every model, a block of queries at a time, so that this
is for catalogues of some ten thousand ads.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from common.errors import UserError
from competitions.tencent import mix
from competitions.tencent.attributes import tabulate
from competitions.tencent.counts import Counts, fit_counts, score_counts
from competitions.tencent.data import Corpus, Int64s
from competitions.tencent.linear import Linear, fit_linear, score_linear
from competitions.tencent.open_settings import OpenSettings
from competitions.tencent.past import Floats
from competitions.tencent.retrieve import Seen, Top, search_scores
from competitions.tencent.splits import Fold
from competitions.tencent.view import Histories, blocks

QUERY_BLOCK = 512
MODELS = ("model", "counts", "linear")
Score = Callable[[Int64s], torch.Tensor]


@dataclass(frozen=True)
class Tables:
    """What the open mode adds to the model."""

    counts: Counts
    linear: Linear


def fit_tables(corpus: Corpus, fold: Fold, settings: OpenSettings) -> Tables | None:
    """Counts and regression from what the fold shows; None where the open mode is off."""
    if not settings.enabled:
        return None
    ads = len(corpus.catalogue.oid)
    if ads > settings.linear.most_items:
        raise UserError(
            f"The open mode inverts a table of ads x ads, and the catalogue has {ads:,} ads where"
            f" open.linear.most_items allows {settings.linear.most_items:,}: set open.enabled=false, or the limit higher."
        )
    history = fold.history(corpus.train)
    attributes = tabulate(corpus.catalogue, settings.attributes)
    return Tables(
        fit_counts(history, corpus.catalogue, attributes, settings.counts),
        fit_linear(history, corpus.catalogue, attributes, settings.linear),
    )


def score_block(tables: Tables, score: Score, queries: Histories, rows: Int64s, block: Int64s) -> list[Floats]:
    """The scores of each of ``MODELS`` for a block of queries, float32 [block, candidates]."""
    part = queries.take(block)
    counted, regressed = score_counts(tables.counts, part, rows), score_linear(tables.linear, part, rows)
    return [score(block).cpu().numpy(), counted, regressed]


def find_weights(
    tables: Tables, score: Score, queries: Histories, rows: Int64s, seen: Seen, target: Int64s, settings: OpenSettings,
    seed: int,
) -> tuple[float, ...]:  # fmt: skip
    """The weights of ``MODELS`` with the best Score on these queries. ``target``: places in ``rows``, -1 for none."""
    parts = [
        mix.shortlist(score_block(tables, score, queries, rows, block), seen.of(block), target[block], settings.mix.top)
        for block in blocks(len(queries), QUERY_BLOCK)
    ]
    return mix.find_weights(mix.join(parts), settings.mix, seed)


def answer(
    tables: Tables, score: Score, queries: Histories, rows: Int64s, seen: Seen, weights: tuple[float, ...], top: int
) -> Top:
    """The best candidates of each query under the mix."""

    def mixed(block: Int64s) -> torch.Tensor:
        return torch.from_numpy(mix.mix(score_block(tables, score, queries, rows, block), weights))

    return search_scores(mixed, len(queries), seen, top, QUERY_BLOCK)


def place_targets(rows: Int64s, target: Int64s, ads: int) -> Int64s:
    """Rows of the catalogue as places in the candidates, -1 for none."""
    place = np.full(ads, -1)
    place[rows] = np.arange(len(rows))
    found: Int64s = place[target]
    return found
