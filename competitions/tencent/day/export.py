"""Export a finished run as one stored value that ``service.py`` answers users from."""

from pathlib import Path

from common.day.serving.benchmark import Export, Variant, spread
from common.engine.result_store import write_value
from common.engine.run import Run
from competitions.tencent import pipeline
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, Int64s, RawFiles
from competitions.tencent.day import service
from competitions.tencent.day.service import Request, ServedFold
from competitions.tencent.ranking import take_queries
from competitions.tencent.split import Fold

DESCRIPTION = {
    "request": "what a user did -> ten candidates, seen ones left out",
    "computed at export": "content vectors, forecast, statistics, lifts, tables of the channels, fusion weights",
    "computed in the request": "the search over all candidates, the features of those retrieved, their scores",
    "left out": "parsing, network; the tables stay those of the run until the next export",
    "score": "the run's own, of its hold-out",
}


def export(files: RawFiles, config: TencentConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final ranker below ``folder``, with so many ``requests`` of the host's queries."""
    outcome = pipeline.solve(files, config, run)
    corpus, final, measured = outcome.ready.corpus.value, outcome.final, outcome.measured.value
    chosen = spread(len(final.fold.value.users), requests)
    served = ServedFold(final.tables.value, final.ranker.value, config.ranker.features)
    write_value(folder / "export", served)
    write_value(folder / "requests", list_requests(corpus, final.fold.value, chosen))
    score = next(iter(measured.values()))  # of the way that is submitted
    variants = [Variant("the run", "whole", score["score"], score["score_error"])]
    expected = final.answers.value.best.columns[chosen].astype(float).tolist()
    return Export(service.__name__, folder / "export", folder / "requests", variants, expected, DESCRIPTION)


def list_requests(corpus: Corpus, fold: Fold, chosen: Int64s) -> list[Request]:
    """The ``chosen`` queries of a fold."""
    queries = take_queries(corpus, fold).take(chosen)
    histories, events = queries.histories, queries.histories.sequences
    spans = [slice(start, end) for start, end in zip(histories.starts, histories.ends, strict=True)]
    return [
        Request(events.item[span].copy(), events.action[span].copy(), events.time[span].copy(), int(condition))
        for span, condition in zip(spans, queries.action, strict=True)
    ]
