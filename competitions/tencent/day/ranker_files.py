"""The files of an exported ranker: mapped arrays, and JSON for what is no array. Both directions stand here.

Shared by the variants: the catalogue, candidates, forecast, statistics, lifts, tables of the first search, the ranker's
weights. A variant's own folder has the content vectors, in its own bits, and the length of the lists.
"""

import warnings
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from common.day.serving.feature_tables import read_array, read_struct, write_array, write_struct
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Catalogue, Sequences
from competitions.tencent.ensemble.linear import Linear
from competitions.tencent.inference.retrieval import Seen
from competitions.tencent.model.cooccurrence import Counts
from competitions.tencent.model.sparse_history import Sparse
from competitions.tencent.ranking.action_rates import ActionRates
from competitions.tencent.ranking.ad_statistics import AdStatistics
from competitions.tencent.ranking.lifts import Lift
from competitions.tencent.ranking.pair_features import Knowledge
from competitions.tencent.ranking.ranker import Ranker
from competitions.tencent.ranking.scoring import Ready
from competitions.tencent.ranking.search import Search, Tables, gather_content, vary_counts
from competitions.tencent.sequences import Histories

SETTINGS, VARIANT, CONTENT = "ranker.json", "variant.json", "content.npy"
LIFT = ("keys", "counts", "first", "share", "known")
RANKER = ("centre", "scale")
SPARSE = ("data", "indices", "indptr")
NO_QUERIES = Histories(
    Sequences(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0, np.int64)),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
)


class RankerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What all variants share. ``known``, ``sizes`` of the catalogue; ``statistics``: names of an ad's columns;
    ``lifts``: the number of codes of each; ``actions``: whether there are rates of actions; ``counts``: for each table
    whether it has sums by attribute; ``linear``: whether there is a regression; ``columns`` of the ranker, its
    ``hidden`` units and the names of its ``weights``.
    """

    features: FeatureSettings
    known: int
    sizes: tuple[int, ...]
    statistics: tuple[str, ...]
    lifts: tuple[int, ...]
    actions: bool
    counts: tuple[bool, ...]
    linear: bool
    columns: tuple[str, ...]
    hidden: int
    weights: tuple[str, ...]


class RankerVariant(msgspec.Struct, frozen=True, kw_only=True):
    """The bits of the content vectors, None without embeddings; how many candidates are ranked."""

    content: Literal["float32", "float16"] | None
    list_length: int


def write_shared(ready: Ready, ranker: Ranker, folder: Path) -> None:
    """Write what all variants share."""
    search, knowledge = ready.search, ready.knowledge
    catalogue, statistics, tables = knowledge.catalogue, knowledge.statistics, search.tables
    arrays = {"oid": catalogue.oid, "features": catalogue.features, "pool": search.pool, "rows": search.rows}
    arrays |= {"rate": search.rate, "statistics": statistics.own, "events": statistics.events}
    arrays |= {f"lift-{at}-{part}": getattr(lift, part) for at, lift in enumerate(knowledge.lifts) for part in LIFT}
    if knowledge.rates is not None:
        arrays |= {"rates": knowledge.rates.own}
        arrays |= {f"rates-{at}": table for at, table in enumerate(knowledge.rates.values)}
    arrays |= {f"ranker-{part}": getattr(ranker, part) for part in RANKER}
    arrays |= {f"ranker-{name}": value for name, value in ranker.weights.items()}
    for name, array in arrays.items():
        write_array(np.asarray(array), folder / f"{name}.npy")
    write_tables(tables, folder)
    settings = RankerSettings(
        features=search.settings,
        known=catalogue.known,
        sizes=catalogue.sizes,
        statistics=statistics.names,
        lifts=tuple(lift.size for lift in knowledge.lifts),
        actions=knowledge.rates is not None,
        counts=tuple(table.by_value is not None for table in tables.counts),
        linear=tables.linear is not None,
        columns=ranker.names,
        hidden=ranker.hidden,
        weights=tuple(ranker.weights),
    )
    write_struct(settings, folder / SETTINGS)


def write_tables(tables: Tables, folder: Path) -> None:
    """Write counts and regression; they share one table of attributes."""
    for at, table in enumerate(tables.counts):
        write_sparse(table.neighbours, f"counts-{at}", folder)
        if table.by_value is not None:
            write_sparse(table.by_value, f"counts-{at}-by-value", folder)
    if tables.linear is not None:
        write_array(tables.linear.coefficients, folder / "linear.npy")
    attributes = [table.attributes for table in tables.counts]
    attributes += [] if tables.linear is None else [tables.linear.attributes]
    if attributes:
        write_sparse(attributes[0], "attributes", folder)


def write_variant(ready: Ready, variant: RankerVariant, folder: Path) -> None:
    """Write a variant's own files."""
    write_struct(variant, folder / VARIANT)
    if ready.search.content is not None:
        write_array(ready.search.content.numpy().astype(variant.content), folder / CONTENT)


def write_sparse(table: Sparse, name: str, folder: Path) -> None:
    """Write a csr table as four arrays."""
    for part in SPARSE:
        write_array(getattr(table, part), folder / f"{name}-{part}.npy")
    write_array(np.array(table.shape), folder / f"{name}-shape.npy")


def read_ready(export: Path, variant: str) -> tuple[Ready, Ranker]:
    """The fold of an export as ``prepare_fold`` made it, without queries, and its ranker."""
    settings, own = (
        read_struct(export / SETTINGS, RankerSettings),
        read_struct(export / variant / VARIANT, RankerVariant),
    )
    content = None if own.content is None else read_tensor(export / variant / CONTENT)
    rows = np.array(read(export, "rows"))
    search = Search(
        queries=NO_QUERIES,
        pool=read(export, "pool"),
        rows=rows,
        seen=Seen(np.zeros(1, np.int64), np.empty(0, np.int64)),
        content=content,
        pool_content=gather_content(content, rows),
        rate=read(export, "rate"),
        tables=read_tables(export, settings),
        settings=settings.features,
        list_length=own.list_length,
    )
    nothing = np.empty(0, np.int64)
    ready = Ready(search, read_knowledge(export, settings), settings.features.blocks, nothing)
    return ready, read_ranker(export, settings)


def read_knowledge(export: Path, settings: RankerSettings) -> Knowledge:
    """What is known of every ad. Only the forecast, which is exported itself, takes the statistics of values."""
    catalogue = Catalogue(read(export, "oid"), read(export, "features"), settings.known, settings.sizes)
    none = np.empty((len(catalogue.oid), 0), np.float32)
    statistics = AdStatistics(settings.statistics, read(export, "statistics"), none, read(export, "events"))
    lifts = [
        Lift(size, **{part: read(export, f"lift-{at}-{part}") for part in LIFT})
        for at, size in enumerate(settings.lifts)
    ]
    if not settings.actions:
        return Knowledge(catalogue, statistics, lifts)
    values = tuple(read(export, f"rates-{at}") for at in range(len(lifts)))
    return Knowledge(catalogue, statistics, lifts, ActionRates(read(export, "rates"), values))


def read_ranker(export: Path, settings: RankerSettings) -> Ranker:
    """The ranker, without the losses of its training."""
    centre, scale = (read(export, f"ranker-{part}") for part in RANKER)
    weights = {name: read(export, f"ranker-{name}") for name in settings.weights}
    return Ranker(settings.columns, centre, scale, weights, settings.hidden, ())


def read_tables(export: Path, settings: RankerSettings) -> Tables:
    """Counts and regression, where there are any."""
    if not (settings.counts or settings.linear):
        return Tables((), None)
    attributes, features = read_sparse(export, "attributes"), settings.features
    counts = tuple(
        Counts(
            neighbours=read_sparse(export, f"counts-{at}"),
            attributes=attributes,
            by_value=read_sparse(export, f"counts-{at}-by-value") if summed else None,
            settings=own,
        )
        for at, (summed, own) in enumerate(zip(settings.counts, vary_counts(features), strict=False))
    )
    linear = Linear(read(export, "linear"), attributes, features.linear) if settings.linear else None
    return Tables(counts, linear)


def read(export: Path, name: str) -> Any:
    """A mapped array as a plain one."""
    return np.asarray(read_array(export / f"{name}.npy"))


def read_sparse(export: Path, name: str) -> Sparse:
    """A csr table of mapped arrays."""
    data, indices, indptr, shape = (read(export, f"{name}-{part}") for part in (*SPARSE, "shape"))
    return sp.csr_array((data, indices, indptr), tuple(shape.tolist()))


def read_tensor(path: Path) -> Tensor:
    """A mapped tensor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the mapped array is read-only, and nothing here writes
        return torch.from_numpy(np.asarray(read_array(path)))
