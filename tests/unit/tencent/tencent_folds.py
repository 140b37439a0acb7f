"""Tables of tiny folds, as the pipeline fits them."""

from collections.abc import Sequence

import msgspec
import numpy as np

from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Corpus
from competitions.tencent.features.lifts import fit_lifts
from competitions.tencent.features.popularity import choose_pools, measure_popularity
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.retrieval.channel import Channel, QueryBlock, Table, heaviest_events, weigh_events
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.fusion import weigh_evenly
from competitions.tencent.retrieval.registry import find_channel, name_channels
from competitions.tencent.retrieval.search import Queries, Search, take_queries
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold, build_test_fold
from tests.unit.tencent.training_inputs import CONFIG

# A model of 16 numbers a token, and so few steps that a test waits a second.
SEQUENCE = msgspec.structs.replace(CONFIG.sequence, width=16, length=6, batch=64, tokens=40_000, rate=1e-2, negatives=8)


def make_block(queries: Histories, action: int = 1, events: int = 10) -> QueryBlock:
    """Queries of one action, as channels take them."""
    weighted = weigh_events(queries, events)
    heaviest, now = (heaviest_events(weighted, events, kind) for kind in ("recent", "now"))
    return QueryBlock(queries, weighted, heaviest, now, np.full(len(queries), action))


def fit_channel(channel: Channel, **given: object) -> Table:
    """A channel's table of what it takes."""
    return channel.fit(*(given[name] for name in channel.takes))


def fit_fold(
    corpus: Corpus,
    fold: Fold,
    channels: Sequence[str] = (),
    contents: Sequence[Content] = (),
    settings: FeatureSettings = CONFIG.ranker.features,
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
    pools = choose_pools(history, catalogue, fold, settings.pool, fusion.weights, kinds)
    popularity = measure_popularity(history, catalogue, fold, pools, kinds)
    return FoldTables(catalogue, pools, popularity, tables, fit_lifts(history, catalogue), fusion, list_length)


def ask_all(corpus: Corpus, channels: Sequence[str], contents: Sequence[Content] = ()) -> tuple[Search, Queries]:
    """A search for all users, who are asked at their last event."""
    fold = build_test_fold(corpus.train, corpus.test, corpus.candidates, None)
    tables = fit_fold(corpus, fold, channels, contents)
    return Search(tables, CONFIG.ranker.features), take_queries(corpus, fold)
