"""A service of the news competition: what a user clicked -> five articles.

Item-to-item tables, popularity lists, vectors and click counts were made at export. Retrieval, fusion and features of a
request are the pipeline's own functions, called for one query.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from common.day.serving.benchmark import Answer, Mark
from common.day.serving.feature_tables import read_arrays, read_struct, read_table
from common.day.serving.model_files import BLEND, read_models, score_models
from common.learning.dataset import Matrix
from common.learning.split import Fold
from competitions.news.blending import standardise
from competitions.news.config import RecallSettings
from competitions.news.features import build_columns, feature_names
from competitions.news.lookups import FeatureTables, Queries, read_queries, take_query
from competitions.news.retrieval.channels import ChannelTables, list_channels
from competitions.news.retrieval.fusion import FusedLists, fuse_lists
from competitions.news.retrieval.lists import Histories, count_up
from competitions.news.split import CONTEXT
from competitions.news.submission import LENGTH

SETTINGS = "settings.json"
CHANNELS, FEATURES = "channels", "features"
QUERIES, SEEN = "queries.arrow", "seen.arrow"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every variant: how candidates are retrieved, which blocks there are, the weight of each vote."""

    recall: RecallSettings
    blocks: tuple[str, ...]
    fusion: dict[str, float]


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """The weight of each model of a variant."""

    weights: tuple[float, ...]


@dataclass(frozen=True)
class CandidateFeatures:
    """The candidates of some queries with their features."""

    candidates: FusedLists
    names: tuple[str, ...]
    features: Matrix


class Tables:
    """What was made at export."""

    def __init__(self, export: Path) -> None:
        """Map everything; pages are read when a request needs them."""
        self.settings = read_struct(export / SETTINGS, Settings)
        self.channels = read_arrays(export / CHANNELS, ChannelTables)
        self.features = read_arrays(export / FEATURES, FeatureTables)
        self.votes = np.array([self.settings.fusion[name] for name in self.settings.recall.channels])

    def retrieve(self, histories: Histories) -> FusedLists:
        """The candidates of all queries, as the pipeline retrieves them."""
        recall = self.settings.recall
        lists = list_channels(histories, self.channels, recall.channels, recall.per_channel)
        return fuse_lists(lists, recall.candidates, self.votes)


class NewsService:
    """Tables and models in memory."""

    def __init__(self, export: Path, variant: str) -> None:
        """Load what one variant needs."""
        self.tables, self.models = Tables(export), read_models(export / variant)
        self.weights = np.array(read_struct(export / variant / BLEND, Weights).weights)

    def answer(self, requests: Sequence[Queries], mark: Mark) -> list[Answer]:
        """For each user the ids of five articles, best first; fewer where fewer were retrieved."""
        return self.rank(self.gather(requests, mark), mark)

    def gather(self, requests: Sequence[Queries], mark: Mark) -> CandidateFeatures:
        """Candidates and features, which all variants share."""
        queries, settings = join_requests(requests), self.tables.settings
        candidates = self.tables.retrieve(queries.histories)
        mark("recall")
        columns_by_block = build_columns(queries, candidates, settings.recall.channels, self.tables.features)
        blocks = {name: columns_by_block[name] for name in settings.blocks}
        columns = [values for block in blocks.values() for values in block.values()]
        mark("features")
        features = np.empty((len(candidates.items), len(columns)), np.float32)
        for index, values in enumerate(columns):
            features[:, index] = values
        mark("matrix")
        return CandidateFeatures(candidates, feature_names(blocks), features)

    def rank(self, gathered: CandidateFeatures, mark: Mark) -> list[Answer]:
        """The best five of each query's candidates, equal ones by id."""
        starts, items = gathered.candidates.starts, gathered.candidates.items
        sizes = np.diff(starts)
        scores = score_models(gathered.names, gathered.features, self.models)
        mark("models")
        blended = standardise(scores, sizes[sizes > 0]) @ self.weights
        answers = []
        for start, end in pairwise(starts):
            order = np.lexsort((items[start:end], -blended[start:end]))[:LENGTH]
            answers.append([float(item) for item in items[start:end][order]])
        mark("ranking")
        return answers


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


load = NewsService  # what a worker process calls, with an export and a variant


def read_requests(path: Path) -> list[Queries]:
    """The queries of a folder of requests, one by one, in the order of their ids."""
    queries, seen = read_table(path / QUERIES), read_table(path / SEEN)
    _, whole = read_queries(Fold(pl.DataFrame(), queries, seen, None))
    return [take_query(whole, row) for row in range(queries.height)]
