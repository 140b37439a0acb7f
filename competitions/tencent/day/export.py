"""Export a finished run as a service, and requests of the test with the answers of its submission."""

from collections.abc import Iterator

import msgspec

from common.day.serving.service import Export, spread
from common.engine.run import Run
from competitions.tencent import pipeline
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, RawFiles
from competitions.tencent.day.service import Event, RankerService, User
from competitions.tencent.ids import CandidateIndices
from competitions.tencent.io.schema import NULL_ACTION
from competitions.tencent.ranking import take_queries
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.search import Queries


def export(files: RawFiles, config: TencentConfig, run: Run, requests: int) -> Export:
    """The final ranker, with so many ``requests`` of the host's queries."""
    outcome = pipeline.solve(files, config, run)
    corpus, final, measured = outcome.ready.corpus.value, outcome.final, outcome.measured.value
    fold = final.fold.value
    chosen = spread(len(fold.users), requests)
    service = RankerService(final.tables.value, final.ranker.value, config.ranker.features, fold.candidates)
    services = {"float16": service}
    if any(isinstance(table, Content) for table in service.tables.tables.values()):
        services |= {kind: service.store_vectors(kind) for kind in ("float32", "int8")}
    expected = service.name_ads(CandidateIndices(final.answers.value.best.columns[chosen]))
    score = next(iter(measured.values()))  # of the way that is submitted
    bodies = list(list_bodies(corpus, take_queries(corpus, fold).take(chosen)))
    return Export(services, bodies, expected, (score["score"], score["score_error"]))


def list_bodies(corpus: Corpus, queries: Queries) -> Iterator[bytes]:
    """What the user of each of these queries did."""
    histories, events, oid = queries.histories, queries.histories.sequences, corpus.catalogue.oid
    for start, end, action in zip(histories.starts, histories.ends, queries.action, strict=True):
        columns = (column[start:end].tolist() for column in (events.item, events.action, events.time))
        rows = [
            Event(int(oid[item]), None if done == NULL_ACTION else done, time)
            for item, done, time in zip(*columns, strict=True)
        ]
        yield msgspec.json.encode(User(rows, int(action)))
