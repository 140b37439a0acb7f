"""The service of ``method = "ranker"``: a user's events -> the ten ads that the user will most likely click.

The pipeline's own functions search, describe and rank; the histories are those of the requests. Nothing is computed in
a request that is not the user's.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.day.serving.benchmark import Answer, Mark
from competitions.tencent.day.ranker_files import SETTINGS, read_ready
from competitions.tencent.day.requests import Request, join_histories, read_requests
from competitions.tencent.inference.retrieval import TopK
from competitions.tencent.io.schema import TOP
from competitions.tencent.ranking.scoring import BLOCK, Ready, describe_found, score_found
from competitions.tencent.ranking.search import replace_queries, search_block
from competitions.tencent.sequences import blocks

__all__ = ["RankerService", "holds_ranker", "load", "read_requests"]


class RankerService:
    """The first search, what is known of every ad, and the ranker."""

    def __init__(self, export: Path, variant: str) -> None:
        """Map what one variant needs."""
        self.ready, self.ranker = read_ready(export, variant)

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


def holds_ranker(export: Path) -> bool:
    """Whether an export is one of a ranker."""
    return (export / SETTINGS).exists()


def load(export: Path, variant: str) -> RankerService:
    """The service of a variant of an export."""
    return RankerService(export, variant)
