"""Tables of tiny folds, as the pipeline fits them."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Corpus
from competitions.tencent.features.action_rates import fit_action_rates
from competitions.tencent.features.forecast import Forecast, compute_statistics
from competitions.tencent.features.lifts import fit_lifts
from competitions.tencent.fold_tables import FoldTables, make_pool
from competitions.tencent.retrieval.channel import Channel, Table
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.fusion import weigh_evenly
from competitions.tencent.retrieval.registry import find_channel, name_channels
from competitions.tencent.split import Fold


def fit_channel(channel: Channel, **given: object) -> Table:
    """A channel's table: its fit is given what it has parameters for."""
    fit: Any = channel.fit
    table: Table = fit(**{name: given[name] for name in inspect.signature(fit).parameters})
    return table


def fit_fold(
    corpus: Corpus,
    contents: Sequence[Content],
    fold: Fold,
    settings: FeatureSettings,
    channels: Sequence[str] = (),
    forecast: Forecast | None = None,
    list_length: int = 200,
) -> FoldTables:
    """What is fitted on a fold's history, with even weights; without a ``forecast`` an ad's events are its rate."""
    history, catalogue = fold.history(corpus.train), corpus.catalogue
    statistics = compute_statistics(history, catalogue, False)
    pool = make_pool(fold, statistics, [forecast or Forecast("")], 0, settings.pool)
    prepared = {content.name: content for content in contents}
    named = {name: find_channel(name) for name in name_channels(channels, prepared)}
    given = {"history": history, "catalogue": catalogue, "candidates": pool.rows, "seed": 0}
    tables: dict[str, Table] = {
        name: prepared[name] if name in prepared else fit_channel(channel, contents=[*contents], **given)
        for name, channel in named.items()
    }
    said = len(np.unique(fold.condition)) > 1
    return FoldTables(
        catalogue=catalogue,
        statistics=statistics,
        pool=pool,
        tables=tables,
        lifts=fit_lifts(history, catalogue),
        action_rates=fit_action_rates(history, catalogue) if said else None,
        fusion=weigh_evenly(named),
        list_length=list_length,
    )
