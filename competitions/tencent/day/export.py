"""Export a finished run as files that ``service.py`` answers from; the scores of fewer bits and of shorter lists."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from common.day.serving.benchmark import Answer, Export, Variant, judge_variants, spread
from common.day.serving.feature_tables import write_array, write_arrays, write_struct
from common.engine.errors import UserError
from common.engine.run import Run
from competitions.tencent import pipeline
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Int64s, RawFiles, Sequences
from competitions.tencent.day import service
from competitions.tencent.day.service import RegressionTables, ServedFold, ServedLogit, SparseTable
from competitions.tencent.ids import CandidateIndices
from competitions.tencent.metrics import score_queries
from competitions.tencent.pipeline import RankedFold
from competitions.tencent.ranking import Ranker
from competitions.tencent.retrieval.context import FoldContext, build_context
from competitions.tencent.retrieval.regression import Regression
from competitions.tencent.retrieval.sparse_history import Sparse
from competitions.tencent.retrieval.top_k import TopK
from competitions.tencent.split import Fold

T = TypeVar("T")
DESCRIPTION = {
    "request": "what a user did -> ten candidates, seen ones left out",
    "computed at export": "content vectors, forecast, statistics, lifts, tables and votes of the first search",
    "computed in the request": "the search over all candidates, the features of those found, their scores",
    "left out": "parsing, network; the tables stay those of the run until the next export",
    "half": "the ranker is the same, learned from whole lists",
}


def export(files: RawFiles, config: TencentConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final ranker below ``folder``, with so many ``requests`` of the host's queries.

    The variants are judged on the hold-out, with the ranker that was learned for it. ``UserError`` for the network.
    """
    if config.method != "ranker":
        raise UserError('The network is not served: leave out --set method="network".')
    prepared = pipeline.prepare(files, config, run)
    early = pipeline.rank(prepared, prepared.valid, config, run, "valid")
    final = pipeline.rank(prepared, prepared.test, config, run, "test", early.votes)
    corpus, fold = prepared.corpus.value, prepared.test.value
    assert early.ranked is not None
    assert final.ranked is not None
    context, ranker = open_fold(final.ranked, config)
    variants, valid = list_variants(context), prepared.valid.value
    write_export(context, ranker, variants, folder / "export")
    chosen = spread(len(fold.users), requests)
    write_requests(corpus.test, fold, chosen, folder / "requests")
    expected = final.answers.value.best.columns[chosen].astype(float).tolist()
    held_out = open_fold(early.ranked, config)

    def write(exported: Path, histories: Path) -> None:
        write_export(*held_out, variants, exported)
        write_requests(corpus.train, valid, np.arange(len(valid.users)), histories)

    def score(answers: list[Answer]) -> NDArray[np.float64]:
        columns = CandidateIndices(np.array(answers).astype(np.int64))
        return score_queries(valid, TopK(columns, np.zeros(columns.shape, np.float32)), config.host)

    judged = judge_variants(service, variants, write, score)
    return Export(service.__name__, folder / "export", folder / "requests", judged, expected, DESCRIPTION)


def open_fold(result: RankedFold, config: TencentConfig) -> tuple[FoldContext, Ranker]:
    """A fold's context as its queries were answered, and its ranker."""
    return build_context(result.inputs.value, config.ranker.features), result.ranker.value


def list_variants(context: FoldContext) -> list[Variant]:
    """The whole, content vectors of fewer bits where there are any, lists of half the length."""
    fewer_bits = Variant("content in float16", "float16", blend="float16")
    return [
        Variant("ranker in float32", "whole", blend="float32"),
        *([fewer_bits] if context.contents else []),
        Variant("lists of half the length", "half", share=0.5, blend="float32"),
    ]


def write_export(context: FoldContext, ranker: Ranker, variants: Sequence[Variant], folder: Path) -> None:
    """Write what the variants share, and each one's own."""
    write_arrays(gather_fold(context, ranker), folder / service.FOLD)
    settings = service.Settings(
        features=context.settings,
        votes=context.votes,
        counts=tuple(table.settings for table in context.tables.counts),
        values=None if context.tables.values is None else context.tables.values.settings,
        regression=None if context.tables.regression is None else context.tables.regression.settings,
        statistics=context.statistics.names,
        columns=ranker.names,
        hidden=ranker.hidden,
    )
    write_struct(settings, folder / service.SETTINGS)
    for variant in variants:
        own, length = folder / variant.folder, max(1, round(variant.share * context.list_length))
        bits = variant.blend if context.contents else None
        write_struct(service.VariantSettings(content=bits, list_length=length), own / service.VARIANT)
        for at, content in enumerate(context.contents):
            write_array(content.vectors.numpy().astype(variant.blend), own / service.CONTENT.format(at=at))


def gather_fold(context: FoldContext, ranker: Ranker) -> ServedFold:
    """A fold as arrays."""
    catalogue, tables = context.catalogue, context.tables
    rates, values, regression = tables.action_rates, tables.values, tables.regression
    attributes = [table.attributes for table in (*tables.counts, regression) if table is not None]
    return ServedFold(
        oid=catalogue.oid,
        features=catalogue.features,
        known=catalogue.known,
        sizes=np.array(catalogue.sizes),
        pool=context.pool,
        rows=context.rows,
        rate=context.rate,
        statistics=context.statistics.own,
        events=context.statistics.events,
        lifts=number(tables.lifts),
        rates={} if rates is None else number([rates.own, *rates.values]),
        counts=number([gather_sparse(table.neighbours) for table in tables.counts]),
        by_value={
            name: gather_sparse(table.by_value)
            for name, table in number(tables.counts).items()
            if table.by_value is not None
        },
        targets={name: table.targets for name, table in number(tables.counts).items() if table.targets is not None},
        attributes=number([gather_sparse(table) for table in attributes[:1]]),
        values={} if values is None else number([values.table]),
        paired={} if values is None else number([gather_sparse(values.attributes)]),
        regression={} if regression is None else number([gather_regression(regression)]),
        centre=ranker.centre,
        scale=ranker.scale,
        weights=ranker.weights,
        cut={} if ranker.cut is None else number([gather_logit(ranker.cut)]),
    )


def number(parts: Sequence[T]) -> dict[str, T]:
    """Parts by names that sort as they stand."""
    return {f"{at:02d}": part for at, part in enumerate(parts)}


def gather_sparse(table: Sparse) -> SparseTable:
    """A csr table as arrays."""
    return SparseTable(table.data, table.indices, table.indptr, table.shape[1])


def gather_logit(cut: Ranker) -> ServedLogit:
    """A ranker without a hidden layer as arrays."""
    return ServedLogit(cut.centre, cut.scale, cut.weights["0.weight"], cut.weights["0.bias"])


def gather_regression(model: Regression) -> RegressionTables:
    """What a service needs of it beside the attributes."""
    return RegressionTables(model.kept, model.targets, model.coefficients, model.values, model.by_value)


def write_requests(sequences: Sequences, fold: Fold, chosen: Int64s, folder: Path) -> None:
    """Write the histories of the ``chosen`` queries of a fold; ``sequences``: those of its queries."""
    histories = fold.queries(sequences).take(chosen)
    events = histories.events()
    requests = service.Requests(
        offsets=np.concatenate([[0], np.cumsum(histories.lengths)]),
        item=sequences.item[events],
        action=sequences.action[events],
        time=sequences.time[events],
        condition=fold.condition[chosen],
    )
    write_arrays(requests, folder)
