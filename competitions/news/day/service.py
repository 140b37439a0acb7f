"""The service of a finished run: what a user clicked -> five articles.

Item-to-item tables, popularity lists, vectors and click counts were made at export. Retrieval, fusion, features and
ranking of a request are the pipeline's own functions, called for one query.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from common.day.serving.benchmark import Answer, Mark
from common.engine.result_store import read_value
from common.learning.dataset import Matrix
from common.learning.gbdt import Ranker, score_rows
from competitions.news.blending import standardise
from competitions.news.config import RecallSettings
from competitions.news.features import build_columns, feature_names
from competitions.news.lookups import FeatureTables, Queries
from competitions.news.retrieval.channels import ChannelTables, list_channels
from competitions.news.retrieval.fusion import FusedLists, fuse_lists
from competitions.news.retrieval.lists import Histories, count_up
from competitions.news.split import CONTEXT
from competitions.news.submission import LENGTH


@dataclass(frozen=True)
class NewsService:
    """What answers are made of: tables of a fold, the weight of each channel's vote by name, the names of the blocks,
    the rankers and the ``weights`` of their blend.
    """

    channels: ChannelTables
    features: FeatureTables
    fusion: Mapping[str, float]
    recall: RecallSettings
    blocks: Sequence[str]
    rankers: Sequence[Ranker]
    weights: Sequence[float]

    def answer(self, requests: Sequence[Queries], mark: Mark) -> list[Answer]:
        """For each user the ids of five articles, best first, equal ones by id; fewer where fewer were retrieved."""
        queries = join_requests(requests)
        candidates = self.retrieve(queries.histories)
        mark("retrieval")
        names, features = self.describe(queries, candidates)
        mark("features")
        scores, sizes = score_rows(names, features, self.rankers), np.diff(candidates.starts)
        mark("models")
        blended = standardise(scores, sizes[sizes > 0]) @ np.array(self.weights)
        answers = []
        for start, end in pairwise(candidates.starts):
            items = candidates.items[start:end]
            best = items[np.lexsort((items, -blended[start:end]))[:LENGTH]]
            answers.append(best.astype(np.float64).tolist())
        mark("ranking")
        return answers

    def retrieve(self, histories: Histories) -> FusedLists:
        """The candidates of all queries."""
        recall = self.recall
        lists = list_channels(histories, self.channels, recall.channels, recall.per_channel)
        votes = np.array([self.fusion[name] for name in recall.channels])
        return fuse_lists(lists, recall.candidates, votes)

    def describe(self, queries: Queries, candidates: FusedLists) -> tuple[tuple[str, ...], Matrix]:
        """The names of the features and their matrix, a row a candidate."""
        columns_by_block = build_columns(queries, candidates, self.recall.channels, self.features)
        blocks = {name: columns_by_block[name] for name in self.blocks}
        columns = [values for block in blocks.values() for values in block.values()]
        features = np.empty((len(candidates.items), len(columns)), np.float32)
        for index, values in enumerate(columns):
            features[:, index] = values
        return feature_names(blocks), features


def load(export: Path, _: str) -> NewsService:
    """Map an export, of which there is one variant."""
    service: NewsService = read_value(export)
    return service


def read_requests(path: Path) -> list[Queries]:
    """The stored queries, one by one."""
    requests: list[Queries] = read_value(path)
    return requests


def join_requests(requests: Sequence[Queries]) -> Queries:
    """Some requests as one."""
    if len(requests) == 1:
        return requests[0]
    parts = [request.histories for request in requests]
    starts = count_up(np.concatenate([part.sizes for part in parts]))
    times, items, clicked, back = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("times", "items", "clicked", "back")
    )
    context = {name: np.concatenate([request.context[name] for request in requests]) for name in CONTEXT}
    return Queries(Histories(times, starts, items, clicked, back), context)
