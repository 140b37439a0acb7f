"""Tables of tiny folds, as the pipeline fits them."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from common.time_units import HOUR_S
from competitions.tencent.corpus import CatalogueRows, Corpus, Sequences
from competitions.tencent.features.lifts import fit_lifts
from competitions.tencent.features.popularity import sort_log
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.retrieval.channel import Channel, Queries, Table
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.fusion import weigh_evenly
from competitions.tencent.retrieval.registry import find_channel, name_channels
from competitions.tencent.retrieval.search import Search, take_queries
from competitions.tencent.sequences import Histories, last_times
from competitions.tencent.split import Fold, build_test_fold
from tests.unit.tencent.training_inputs import CONFIG, make_sequences

# A model of 16 numbers a token, and so few steps that a test waits a second.
SEQUENCE = msgspec.structs.replace(CONFIG.sequence, width=16, length=6, batch=64, tokens=40_000, rate=1e-2, negatives=8)


def make_queries(histories: Histories, action: int = 1, events: int = 10) -> Queries:
    """Queries of one action, each at its last event."""
    return Queries(histories, last_times(histories), np.full(len(histories), action), events)


def fit_channel(channel: Channel, **given: object) -> Table:
    """A channel's table of what it takes."""
    return channel.fit(*(given[name] for name in channel.takes))


def fit_fold(
    corpus: Corpus,
    fold: Fold,
    channels: Sequence[str] = (),
    contents: Sequence[Content] = (),
    list_length: int = 200,
    times: bool = True,
) -> FoldTables:
    """What is fitted on a fold's history, with even weights."""
    history, catalogue = fold.history(corpus.train), corpus.catalogue
    clicks = corpus.train.action >= 1
    exposures = bool(clicks.any() and not clicks.all())
    kinds = ("events", *["clicks"] * exposures) if times else ()
    prepared = {content.name: content for content in contents}
    named = {name: find_channel(name) for name in name_channels(channels, prepared)}
    given = {"history": history, "catalogue": catalogue, "candidates": fold.candidates, "contents": [*contents]}
    given |= {"counted": "events", "exposures": exposures, "settings": SEQUENCE, "seed": 0}
    tables = {name: prepared[name] if name in prepared else fit_channel(each, **given) for name, each in named.items()}
    fusion = weigh_evenly(named)
    log = sort_log(history, fold.candidates, kinds)
    return FoldTables(catalogue, log, tables, fit_lifts(history, catalogue), fusion, list_length)


def ask_all(corpus: Corpus, channels: Sequence[str], contents: Sequence[Content] = ()) -> tuple[Search, Queries]:
    """A search for all users, who are asked at their last event."""
    fold = build_test_fold(corpus.train, corpus.test, corpus.candidates, None)
    tables = fit_fold(corpus, fold, channels, contents)
    return Search(tables, CONFIG.ranker.features), take_queries(corpus, fold, CONFIG.ranker.features.history)


def plant_halves(queries: int) -> tuple[Sequences, Fold]:
    """Ads 1 to 10 are shown in the first half of 800 hours, 11 to 20 in the second; the last users are asked from one
    end of these to the other, each for an ad of the own half.
    """
    shown = [
        [(ad, 0, hour * HOUR_S) for ad in range(1 + 10 * (hour >= 400), 11 + 10 * (hour >= 400))]
        for hour in range(0, 800, 6)
    ]
    hours = np.random.default_rng(0).permutation(np.linspace(1, 799, queries)).astype(int)
    log = make_sequences(*shown, *([(21, 1, int(hour) * HOUR_S)] for hour in hours))
    fold = build_test_fold(log, log, CatalogueRows(np.arange(1, 23)), None)
    users = np.arange(len(shown), len(log))
    target = np.where(hours < 400, 1 + hours % 10, 11 + hours % 10)
    last = log.offsets[users]
    condition = fold.condition[users]
    return log, replace(
        fold, users=users, query_ends=last + 1, query_times=log.time[last], condition=condition, target=target
    )
