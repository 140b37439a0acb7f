"""The service of a finished run: a user's events -> the ten ads that the user will most likely click.

The pipeline's own functions search, describe and rank; the histories are those of the requests. Nothing is computed in
a request that is not the user's.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import scipy.sparse as sp
import torch

from common.day.serving.benchmark import Answer, Mark
from common.day.serving.feature_tables import read_array, read_arrays, read_struct
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Catalogue, Floats, Int8s, Int32s, Int64s, Sequences
from competitions.tencent.features.action_rates import ActionRates
from competitions.tencent.features.forecast import AdStatistics
from competitions.tencent.features.lifts import Lift
from competitions.tencent.fold_tables import HistoryTables
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.io.schema import TOP
from competitions.tencent.ranking import BLOCK, Ranker, score_pairs
from competitions.tencent.retrieval.content import map_tensor
from competitions.tencent.retrieval.context import FoldContext, search_content, take_attributes
from competitions.tencent.retrieval.counts import Counts, CountSettings
from competitions.tencent.retrieval.fusion import Votes
from competitions.tencent.retrieval.regression import Regression, RegressionSettings
from competitions.tencent.retrieval.search import retrieve
from competitions.tencent.retrieval.sparse_history import Sparse
from competitions.tencent.retrieval.top_k import Seen, TopK
from competitions.tencent.retrieval.values import ValueCounts, ValueSettings
from competitions.tencent.sequences import Histories, blocks

SETTINGS, VARIANT, CONTENT = "settings.json", "variant.json", "content-{at:02d}.npy"
FOLD = "fold"


@dataclass(frozen=True)
class SparseTable:
    """A csr table as arrays."""

    data: Floats
    indices: Int32s
    indptr: Int64s
    columns: int


@dataclass(frozen=True)
class RegressionTables:
    """A ``Regression`` without its attributes and settings."""

    kept: Int64s
    targets: Int64s
    coefficients: Floats
    values: Int64s
    by_value: Floats


@dataclass(frozen=True)
class ServedLogit:
    """A ranker without a hidden layer, of its first columns: that by which long lists are cut."""

    centre: Floats
    scale: Floats
    weight: Floats
    bias: Floats


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
    targets: dict[str, Int64s]
    attributes: dict[str, SparseTable]
    values: dict[str, Floats]
    paired: dict[str, SparseTable]
    regression: dict[str, RegressionTables]
    centre: Floats
    scale: Floats
    weights: dict[str, Floats]
    cut: dict[str, ServedLogit]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What no array says: names of an ad's ``statistics``, the ``votes`` of retrieval, the settings of its
    ``counts``, ``values`` and ``regression``, ``columns`` of the ranker and its ``hidden`` units.
    """

    features: FeatureSettings
    votes: Votes
    counts: tuple[CountSettings, ...]
    values: ValueSettings | None
    regression: RegressionSettings | None
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
    """The context of a fold, and the ranker."""

    def __init__(self, export: Path, variant: str) -> None:
        """Map what one variant needs."""
        settings, own = (
            read_struct(export / SETTINGS, Settings),
            read_struct(export / variant / VARIANT, VariantSettings),
        )
        fold = read_arrays(export / FOLD, ServedFold)
        names = settings.votes.widths
        contents = [read_content(export / variant / CONTENT.format(at=at)) for at in range(len(names))]
        self.context = restore_context(fold, settings, dict(zip(names, contents, strict=True)), own.list_length)
        self.ranker = restore_ranker(fold, settings)

    def answer(self, requests: Sequence[Request], mark: Mark) -> list[Answer]:
        """For each history the columns of ten candidates, best first; -1 where none is left."""
        action = np.array([request.condition for request in requests])
        context = self.context.with_queries(join_histories(requests), action)
        top = TopK.empty(len(requests), TOP)
        mark("histories")
        for block in blocks(len(requests), BLOCK):
            pairs = retrieve(context, block)
            mark("search")
            scores = score_pairs(self.ranker, context, pairs)
            mark("features and ranker")
            top.put(block, pairs.candidate, scores)
        answers: list[Answer] = top.columns.astype(np.float64).tolist()
        return answers


load = RankerService  # what a worker process calls, with an export and a variant


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


def restore_context(
    fold: ServedFold, settings: Settings, contents: dict[str, torch.Tensor], list_length: int
) -> FoldContext:
    """The context of an export as ``build_context`` made it, without queries. ``contents``: vectors by embedding."""
    rows, tables = CatalogueRows(np.array(fold.rows)), restore_tables(fold, settings)
    nothing = np.empty((len(fold.oid), 0), np.float32)  # the forecast alone, exported itself, takes values of features
    return FoldContext(
        queries=join_histories([]),
        action=np.empty(0, np.int64),
        pool=CandidateIndices(fold.pool),
        rows=rows,
        seen=Seen(np.zeros(1, np.int64), np.empty(0, np.int64)),
        rate=fold.rate,
        contents=tuple(
            search_content(name, vectors, rows, settings.votes.widths[name]) for name, vectors in contents.items()
        ),
        statistics=AdStatistics(settings.statistics, fold.statistics, nothing, fold.events),
        tables=tables,
        attributes=take_attributes(tables, rows),
        paired_values=None if tables.values is None else tables.values.attributes[rows],
        votes=settings.votes,
        catalogue=Catalogue(fold.oid, fold.features, fold.known, tuple(fold.sizes.tolist())),
        settings=settings.features,
        list_length=list_length,
    )


def restore_ranker(fold: ServedFold, settings: Settings) -> Ranker:
    """The ranker, with the logit that cuts its lists where there is one."""
    cut = None
    for logit in fold.cut.values():
        weights = {"0.weight": logit.weight, "0.bias": logit.bias}
        cut = Ranker(settings.columns[: len(logit.centre)], logit.centre, logit.scale, weights, 0, ())
    return Ranker(settings.columns, fold.centre, fold.scale, fold.weights, settings.hidden, (), cut)


def restore_tables(fold: ServedFold, settings: Settings) -> HistoryTables:
    """What was counted on the histories of the log."""
    rates = list(fold.rates.values())
    # Counts and regression share one table of attributes.
    attributes = next(map(restore_sparse, fold.attributes.values()), None)
    by_value = {name: restore_sparse(table) for name, table in fold.by_value.items()}
    counts = zip(fold.counts.items(), settings.counts, strict=True)
    values = regression = None
    if settings.values is not None:
        (counted,), (paired,) = fold.values.values(), fold.paired.values()
        values = ValueCounts(counted, restore_sparse(paired), settings.values)
    if settings.regression is not None:
        (table,) = fold.regression.values()
        regression = Regression(
            kept=table.kept,
            targets=table.targets,
            coefficients=table.coefficients,
            values=table.values,
            by_value=table.by_value,
            attributes=attributes,
            settings=settings.regression,
        )
    return HistoryTables(
        lifts=list(fold.lifts.values()),
        action_rates=ActionRates(rates[0], tuple(rates[1:])) if rates else None,
        counts=tuple(
            Counts(restore_sparse(table), attributes, by_value.get(name), each, fold.targets.get(name))
            for (name, table), each in counts
        ),
        values=values,
        regression=regression,
        vectors=None,  # among the contents
    )


def restore_sparse(table: SparseTable) -> Sparse:
    """A csr table of mapped arrays."""
    return sp.csr_array((table.data, table.indices, table.indptr), (len(table.indptr) - 1, table.columns))


def read_content(path: Path) -> torch.Tensor:
    """The content vectors, mapped."""
    return map_tensor(np.asarray(read_array(path)))
