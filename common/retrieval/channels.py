"""The contract of every channel, and the channels there are: ``fit`` reads a history, what it returns lists items.

    lists = {name: list_channel(fold, settings, 100, seed) for name, settings in name_channels(Channels()).items()}
    weights = learn_weights(lists, fold.answers, seed)          # common/retrieval/fusion.py
    candidates = fuse_channels(lists, 200, weights)
    measure_recall(fold, lists, candidates)                     # common/retrieval/recall.py

A new channel is its file, its settings and a line in ``FITS``. Users, queries and items are whole numbers from 0 on.
"""

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from common.engine.errors import UserError
from common.learning.split import Fold
from common.retrieval.als import fit_factors
from common.retrieval.ease import fit_ease
from common.retrieval.lists import Scorer, gather_histories, lists_to_frame
from common.retrieval.neighbours import fit_covisits, fit_transitions
from common.retrieval.popularity import fit_popular
from common.retrieval.settings import (
    ChannelSettings,
    CovisitSettings,
    EaseSettings,
    FactorSettings,
    PopularSettings,
    TransitionSettings,
)

Fit = Callable[[pl.DataFrame, Any, int], Scorer]  # history (user, item, time in ms), settings, seed
FITS: Mapping[type[ChannelSettings], Fit] = {
    PopularSettings: fit_popular,
    CovisitSettings: fit_covisits,
    TransitionSettings: fit_transitions,
    EaseSettings: fit_ease,
    FactorSettings: fit_factors,
}


def fit_channel(history: pl.DataFrame, settings: ChannelSettings, seed: int) -> Scorer:
    """The channel that the settings are of, fitted to a ``history`` (user, item, time in ms)."""
    return FITS[type(settings)](history, settings, seed)


def list_queries(
    scorer: Scorer, queries: pl.DataFrame, seen: pl.DataFrame, top: int, *, repeats: bool = False
) -> pl.DataFrame:
    """The lists of ``queries`` (query, time), which ``seen`` (query, item, time, back) goes before: one row per (query,
    item) with its score and rank (1 = best), sorted by query, best first.
    """
    ids, histories = gather_histories(seen, queries, repeats=repeats)
    lists = scorer.list_items(histories, top)
    return lists_to_frame(ids, lists).with_columns(rank=pl.Series(lists.positions + 1, dtype=pl.Int32))


def list_channel(fold: Fold, settings: ChannelSettings, top: int, seed: int, *, repeats: bool = False) -> pl.DataFrame:
    """Fit a channel to a fold's history, and list the ``top`` items of each query as ``list_queries`` does.

    >>> from common.learning.split import build_fold
    >>> events = pl.DataFrame({"user": [0, 0, 1, 1, 2], "item": [7, 8, 7, 8, 7], "time": [1, 2, 3, 4, 5]})
    >>> queries = pl.DataFrame({"query": [0], "user": [2], "time": [5]})
    >>> lists = list_channel(build_fold(events, queries), TransitionSettings(power=0.0), top=9, seed=0)
    >>> lists.rows()  # two users went on from 7 to 8
    [(0, 8, 2.0, 1)]
    """
    lists = list_queries(fit_channel(fold.history, settings, seed), fold.queries, fold.seen, top, repeats=repeats)
    if lists.is_empty() and fold.queries.height:
        raise UserError(
            f"A channel lists nothing for any of {fold.queries.height:,} queries, from a history of"
            f" {fold.history.height:,} events: change its settings or leave it out ({settings})."
        )
    return lists
