"""The service of a finished run: a user's events -> the ten ads that the user will most likely click.

The pipeline's own functions search, describe and rank; the histories are those of the requests. Nothing is computed in
a request that is not the user's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.day.serving.benchmark import Answer, Mark
from common.engine.result_store import read_value
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Int8s, Int32s, Int64s, Sequences
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.io.schema import TOP
from competitions.tencent.ranking import BLOCK, Ranker, score_candidates
from competitions.tencent.retrieval.search import Queries, Search
from competitions.tencent.sequences import blocks, whole
from competitions.tencent.top_k import TopK


@dataclass(frozen=True)
class ServedFold:
    """What a service answers from."""

    tables: FoldTables
    ranker: Ranker
    settings: FeatureSettings


@dataclass(frozen=True)
class Request:
    """One user's events, oldest first: rows of the catalogue, actions, seconds; ``condition``: the action that the
    recommended ads are to get.
    """

    item: Int32s
    action: Int8s
    time: Int64s
    condition: int


class RankerService:
    """The channels of a fold, and its ranker."""

    def __init__(self, export: Path, variant: str) -> None:
        """Map the export; there is one variant."""
        fold: ServedFold = read_value(export)
        self.search, self.ranker = Search(fold.tables, fold.settings), fold.ranker

    def answer(self, requests: Sequence[Request], mark: Mark) -> list[Answer]:
        """For each history the columns of ten candidates, best first; -1 where none is left."""
        queries, top = join_requests(requests), TopK.empty(len(requests), TOP)
        mark("histories")
        for rows in blocks(len(requests), BLOCK):
            candidates = self.search.retrieve(queries.take(rows))
            mark("search")
            scores = score_candidates(self.ranker, self.search, candidates)
            mark("features and ranker")
            top.put(rows, candidates.candidate, scores)
        answers: list[Answer] = top.columns.astype(np.float64).tolist()
        return answers


load = RankerService  # what a worker process calls, with an export and a variant


def read_requests(path: Path) -> list[Request]:
    """The histories of an export's requests, one by one."""
    requests: list[Request] = read_value(path)
    return requests


def join_requests(requests: Sequence[Request]) -> Queries:
    """Some requests as the pipeline's queries."""
    offsets = np.concatenate([[0], np.cumsum([len(request.item) for request in requests], dtype=np.int64)])
    item, action, time = (
        np.concatenate([np.empty(0, kind), *(getattr(request, name) for request in requests)])
        for name, kind in (("item", np.int32), ("action", np.int8), ("time", np.int64))
    )
    condition = np.array([request.condition for request in requests], np.int64)
    return Queries(whole(Sequences(offsets, item, action, time)), condition)
