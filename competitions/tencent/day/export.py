"""Export a finished run as one stored value that ``service.py`` answers from; the scores of shorter lists beside it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.day.serving.benchmark import Answer, Export, Variant, judge_variants, spread
from common.engine.result_store import write_value
from common.engine.run import Run
from competitions.tencent import pipeline
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, Int64s, RawFiles
from competitions.tencent.day import service
from competitions.tencent.day.service import Request, ServedFold
from competitions.tencent.ids import CandidateIndices
from competitions.tencent.metrics import score_queries
from competitions.tencent.pipeline import RankedFold
from competitions.tencent.ranking import take_queries
from competitions.tencent.retrieval.top_k import TopK
from competitions.tencent.split import Fold

VARIANTS = (Variant("the run", "whole"), Variant("lists of half the length", "half"))
DESCRIPTION = {
    "request": "what a user did -> ten candidates, seen ones left out",
    "computed at export": "content vectors, forecast, statistics, lifts, tables of the channels, fusion weights",
    "computed in the request": "the search over all candidates, the features of those found, their scores",
    "left out": "parsing, network; the tables stay those of the run until the next export",
    "half": "the ranker is the same, learned from whole lists",
}


def export(files: RawFiles, config: TencentConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final ranker below ``folder``, with so many ``requests`` of the host's queries.

    The variants are judged on the hold-out, with the ranker that was learned for it.
    """
    ready = pipeline.prepare(files, config, run)
    early = pipeline.rank(ready, ready.valid, config, run, "valid")
    final = pipeline.rank(ready, ready.test, config, run, "test", early.fusion)
    corpus, valid, test = ready.corpus.value, ready.valid.value, ready.test.value
    chosen = spread(len(test.users), requests)
    write_value(folder / "export", gather(final, config))
    write_value(folder / "requests", list_requests(corpus, test, chosen))

    def write(exported: Path, histories: Path) -> None:
        write_value(exported, gather(early, config))
        write_value(histories, list_requests(corpus, valid, np.arange(len(valid.users))))

    def score(answers: list[Answer]) -> NDArray[np.float64]:
        columns = CandidateIndices(np.array(answers).astype(np.int64))
        return score_queries(valid, TopK(columns, np.zeros(columns.shape, np.float32)), config.host)

    judged = judge_variants(service, VARIANTS, write, score)
    expected = final.answers.value.best.columns[chosen].astype(float).tolist()
    return Export(service.__name__, folder / "export", folder / "requests", judged, expected, DESCRIPTION)


def gather(ranked: RankedFold, config: TencentConfig) -> ServedFold:
    """What a service of a fold needs."""
    return ServedFold(ranked.tables.value, ranked.ranker.value, config.ranker.features)


def list_requests(corpus: Corpus, fold: Fold, chosen: Int64s) -> list[Request]:
    """The ``chosen`` queries of a fold."""
    queries = take_queries(corpus, fold).take(chosen)
    histories, events = queries.histories, queries.histories.sequences
    spans = [slice(start, end) for start, end in zip(histories.starts, histories.ends, strict=True)]
    return [
        Request(events.item[span].copy(), events.action[span].copy(), events.time[span].copy(), int(condition))
        for span, condition in zip(spans, queries.action, strict=True)
    ]
