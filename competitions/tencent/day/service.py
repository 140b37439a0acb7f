"""The service of a finished run: a user's events -> the ten ads that the user will most likely click.

The pipeline's own functions search, describe and rank; the histories are those of the requests. Nothing is computed in
a request that is not the user's.
"""

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import scipy.sparse as sp
import torch

from common.day.serving.benchmark import Answer, Mark
from common.day.serving.feature_tables import read_array, read_arrays, read_struct
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Catalogue, Int8s, Int32s, Int64s, Sequences
from competitions.tencent.ensemble.linear import Linear
from competitions.tencent.inference.retrieval import Seen, TopK
from competitions.tencent.io.schema import TOP
from competitions.tencent.model.cooccurrence import Counts
from competitions.tencent.model.sparse_history import Floats, Sparse
from competitions.tencent.ranking.action_rates import ActionRates
from competitions.tencent.ranking.ad_statistics import AdStatistics
from competitions.tencent.ranking.lifts import Lift
from competitions.tencent.ranking.pair_features import Knowledge
from competitions.tencent.ranking.ranker import Ranker
from competitions.tencent.ranking.scoring import BLOCK, Ready, describe_found, score_found
from competitions.tencent.ranking.search import (
    Search,
    Tables,
    gather_content,
    replace_queries,
    search_block,
    vary_counts,
)
from competitions.tencent.sequences import Histories, blocks

SETTINGS, VARIANT, CONTENT = "settings.json", "variant.json", "content.npy"
FOLD = "fold"


@dataclass(frozen=True)
class SparseTable:
    """A csr table as arrays."""

    data: Floats
    indices: Int32s
    indptr: Int64s
    columns: int


@dataclass(frozen=True)
class ServedFold:
    """What all variants share, as arrays: the catalogue, the searched candidates, what is known of every ad, the tables
    of the first search, the ranker. A dictionary is empty where its part is not there: ``rates`` by feature, the ad's
    own first, ``counts``, their sums ``by_value``, one table of ``attributes``, one ``regression``.
    """

    oid: Int64s
    features: Int32s
    known: int
    sizes: Int64s
    pool: Int64s
    rows: Int64s
    rate: Floats
    statistics: Floats
    events: Int64s
    lifts: dict[str, Lift]
    rates: dict[str, Floats]
    counts: dict[str, SparseTable]
    by_value: dict[str, SparseTable]
    attributes: dict[str, SparseTable]
    regression: dict[str, Floats]
    centre: Floats
    scale: Floats
    weights: dict[str, Floats]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What no array says: names of an ad's ``statistics``, ``columns`` of the ranker and its ``hidden`` units."""

    features: FeatureSettings
    statistics: tuple[str, ...]
    columns: tuple[str, ...]
    hidden: int


class VariantSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The bits of the content vectors, None without embeddings; how many candidates are ranked."""

    content: Literal["float32", "float16"] | None
    list_length: int


@dataclass(frozen=True)
class Requests:
    """Users' events one after another, oldest first: rows of the catalogue, actions, seconds; those of user i stand at
    ``offsets[i]:offsets[i + 1]``. ``condition``: the action that each one's recommended ads are to get.
    """

    offsets: Int64s
    item: Int32s
    action: Int8s
    time: Int64s
    condition: Int64s


@dataclass(frozen=True)
class Request:
    """One user's events and condition, as in ``Requests``."""

    item: Int32s
    action: Int8s
    time: Int64s
    condition: int


class RankerService:
    """The first search, what is known of every ad, and the ranker."""

    def __init__(self, export: Path, variant: str) -> None:
        """Map what one variant needs."""
        settings, own = (
            read_struct(export / SETTINGS, Settings),
            read_struct(export / variant / VARIANT, VariantSettings),
        )
        fold = read_arrays(export / FOLD, ServedFold)
        content = None if own.content is None else read_content(export / variant / CONTENT)
        self.ready = restore_fold(fold, settings, content, own.list_length)
        self.ranker = Ranker(settings.columns, fold.centre, fold.scale, fold.weights, settings.hidden, ())

    def answer(self, requests: Sequence[Request], mark: Mark) -> list[Answer]:
        """For each history the columns of ten candidates, best first; -1 where none is left."""
        search = replace_queries(self.ready.search, join_histories(requests))
        action = np.array([request.condition for request in requests])
        ready = Ready(search, self.ready.knowledge, self.ready.blocks, action)
        top = TopK.empty(len(requests), TOP)
        mark("histories")
        for block in blocks(len(requests), BLOCK):
            found = search_block(search, block)
            mark("search")
            features, _ = describe_found(ready, block, found)
            mark("features")
            top.put(block, search.pool[found[0]], score_found(self.ranker, found[1], features))
            mark("ranker")
        answers: list[Answer] = top.columns.astype(np.float64).tolist()
        return answers


def load(export: Path, variant: str) -> RankerService:
    """The service of a variant of an export."""
    return RankerService(export, variant)


def read_requests(path: Path) -> list[Request]:
    """The histories of a folder of requests, one by one."""
    every = read_arrays(path, Requests)
    spans = [slice(int(start), int(end)) for start, end in itertools.pairwise(every.offsets)]
    return [
        Request(every.item[span], every.action[span], every.time[span], int(condition))
        for span, condition in zip(spans, every.condition, strict=True)
    ]


def join_histories(requests: Sequence[Request]) -> Histories:
    """Some histories as the pipeline's."""
    offsets = np.concatenate([[0], np.cumsum([len(request.item) for request in requests], dtype=np.int64)])
    item, action, time = (
        np.concatenate([np.empty(0, kind), *(getattr(request, name) for request in requests)])
        for name, kind in (("item", np.int32), ("action", np.int8), ("time", np.int64))
    )
    return Histories(Sequences(offsets, item, action, time), np.arange(len(requests)), offsets[1:])


def restore_fold(fold: ServedFold, settings: Settings, content: torch.Tensor | None, list_length: int) -> Ready:
    """The fold of an export as ``prepare_fold`` made it, without queries."""
    search = Search(
        queries=join_histories([]),
        pool=fold.pool,
        rows=fold.rows,
        seen=Seen(np.zeros(1, np.int64), np.empty(0, np.int64)),
        content=content,
        pool_content=gather_content(content, np.array(fold.rows)),
        rate=fold.rate,
        tables=restore_tables(fold, settings.features),
        settings=settings.features,
        list_length=list_length,
    )
    catalogue = Catalogue(fold.oid, fold.features, fold.known, tuple(fold.sizes.tolist()))
    nothing = np.empty((len(fold.oid), 0), np.float32)  # the forecast alone, exported itself, takes values of features
    statistics = AdStatistics(settings.statistics, fold.statistics, nothing, fold.events)
    own, *values = list(fold.rates.values()) or [None]
    rates = None if own is None else ActionRates(own, tuple(values))
    knowledge = Knowledge(catalogue, statistics, list(fold.lifts.values()), rates)
    return Ready(search, knowledge, settings.features.blocks, np.empty(0, np.int64))


def restore_tables(fold: ServedFold, features: FeatureSettings) -> Tables:
    """Counts and regression, where there are any; they share one table of attributes."""
    attributes = next(map(restore_sparse, fold.attributes.values()), None)
    by_value = {name: restore_sparse(table) for name, table in fold.by_value.items()}
    counts = tuple(
        Counts(restore_sparse(table), attributes, by_value.get(name), own)
        for (name, table), own in zip(fold.counts.items(), vary_counts(features), strict=False)
    )
    linear = [Linear(table, attributes, features.linear) for table in fold.regression.values()]
    return Tables(counts, linear[0] if linear else None)


def restore_sparse(table: SparseTable) -> Sparse:
    """A csr table of mapped arrays."""
    return sp.csr_array((table.data, table.indices, table.indptr), (len(table.indptr) - 1, table.columns))


def read_content(path: Path) -> Any:
    """The content vectors, mapped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the mapped array is read-only, and nothing here writes
        return torch.from_numpy(np.asarray(read_array(path)))
