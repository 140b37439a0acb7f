"""A service of the news competition: what a user clicked -> five articles.

Item-to-item tables, popularity lists, vectors and click counts were made at export. Retrieval runs over arrays
(``serving/retrieval.py``); for features a request cuts the few rows that it can meet out of each table, and hands these
to the pipeline's own functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from common.features import lookup_rows
from common.ranking.blending import standardise
from common.ranking.dataset import Matrix
from common.retrieval.item2vec import ItemVectors
from common.serving.benchmark import Answer, Mark
from common.serving.feature_tables import read_array, read_keyed, read_struct, read_table
from common.serving.model_files import read_models, score_models
from common.split import Fold
from competitions.news.config import RecallSettings
from competitions.news.features import (
    LIFT_CONTEXTS,
    ContextCounts,
    channel_block,
    feature_names,
    item_block,
    pair_block,
    query_block,
    stack,
)
from competitions.news.io.reader import Embeddings
from competitions.news.serving.retrieval import Channels, UserHistory, table_path
from competitions.news.submission import LENGTH

SETTINGS, BLEND = "settings.json", "blend.json"
HISTORY, ARTICLES = "history.arrow", "articles.arrow"
QUERIES, SEEN = "queries.arrow", "seen.arrow"
ITEM2VEC, CONTENT = "item2vec", "content"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every variant: how candidates are retrieved, which blocks there are, the number of all clicks;
    ``content``: articles have embeddings; ``fusion``: the weight of each channel's vote.
    """

    recall: RecallSettings
    blocks: tuple[str, ...]
    clicks: int
    content: bool
    fusion: dict[str, float]


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """The weight of each model of a variant."""

    weights: tuple[float, ...]


@dataclass(frozen=True)
class Request:
    """One query, or several, with what the users saw."""

    queries: pl.DataFrame
    seen: pl.DataFrame


@dataclass(frozen=True)
class CandidateFeatures:
    """Candidates of some queries with their features: ``sizes`` of the queries, in order, 0 where there are none."""

    candidates: pl.DataFrame
    names: tuple[str, ...]
    features: Matrix
    sizes: np.ndarray


class Tables:
    """What was made at export."""

    def __init__(self, export: Path) -> None:
        """Map everything; pages are read when a request needs them."""
        self.settings = read_struct(export / SETTINGS, Settings)
        self.history, self.articles = (read_keyed(export / name, "item") for name in (HISTORY, ARTICLES))
        self.channels = Channels(export, self.settings.recall, self.settings.fusion)
        self.both = {name: read_keyed(table_path(export, f"context-item-{name}"), "item") for name in LIFT_CONTEXTS}
        self.here = {name: read_table(table_path(export, f"context-{name}")) for name in LIFT_CONTEXTS}
        self.whole = read_keyed(table_path(export, "whole"), "item")
        names = (ITEM2VEC, CONTENT) if self.settings.content else (ITEM2VEC,)
        self.vectors = {
            name: (read_array(export / f"{name}-items.npy"), read_array(export / f"{name}.npy")) for name in names
        }

    def retrieve(self, request: Request, mark: Mark) -> pl.DataFrame:
        """The candidates of all queries, as the pipeline retrieves them from the whole log."""
        parts = []
        for query, seen in enumerate(request.seen.partition_by("query", maintain_order=True)):
            item, time, back = (seen[name].to_numpy() for name in ("item", "time", "back"))
            fused = self.channels.fuse(UserHistory(item, time, back, int(request.queries["time"][query])))
            parts.append(fused.select(pl.lit(query, pl.Int32).alias("query"), pl.all()))
        mark("recall")
        return pl.concat(parts)

    def build_blocks(self, request: Request, candidates: pl.DataFrame, mark: Mark) -> dict[str, pl.DataFrame]:
        """The feature blocks of the candidates, each as the pipeline makes it from the whole log."""
        items = candidates["item"]
        articles = self.articles.take(pl.concat([items, request.seen["item"]]))
        fold = Fold(self.history.take(items), request.queries, request.seen, None)
        blocks = {"query": query_block(fold, articles)}
        mark("query block")
        blocks["item"] = item_block(fold, articles, candidates)
        mark("item block")
        near = pl.concat([items, request.seen.filter(pl.col("back") < 5)["item"]]).unique().sort().to_numpy()
        item2vec = ItemVectors(*self.take_vectors(ITEM2VEC, near))
        content = Embeddings(*self.take_vectors(CONTENT, near)) if self.settings.content else None
        counts = {name: self.count_context(name, items) for name in LIFT_CONTEXTS}
        blocks["pair"] = pair_block(fold, articles, candidates, item2vec, content, counts)
        mark("pair block")
        blocks["channel"] = channel_block(candidates)
        mark("channel block")
        return {block: blocks[block] for block in self.settings.blocks}

    def take_vectors(self, name: str, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of some items, ascending."""
        items, vectors = self.vectors[name]
        rows = lookup_rows(items, chosen)
        rows = rows[rows >= 0]
        return np.asarray(items[rows]), np.asarray(vectors[rows])

    def count_context(self, name: str, items: pl.Series) -> ContextCounts:
        """The clicks on some articles by context, as counted at export."""
        return ContextCounts(self.both[name].take(items), self.here[name], self.whole.take(items), self.settings.clicks)


class NewsService:
    """Tables and models in memory."""

    def __init__(self, export: Path, variant: str) -> None:
        """Load what one variant needs."""
        self.tables, self.models = Tables(export), read_models(export / variant)
        self.weights = np.array(read_struct(export / variant / BLEND, Weights).weights)

    def answer(self, requests: Sequence[Request], mark: Mark) -> list[Answer]:
        """For each user the ids of five articles, best first; fewer where fewer were retrieved."""
        return self.rank(self.gather(requests, mark), mark)

    def gather(self, requests: Sequence[Request], mark: Mark) -> CandidateFeatures:
        """Candidates and features, which all variants share."""
        request = join_requests(requests)
        candidates = self.tables.retrieve(request, mark)
        blocks = self.tables.build_blocks(request, candidates, mark)
        sizes = np.bincount(candidates["query"].to_numpy(), minlength=len(requests)).astype(np.int32)
        features = stack(candidates["query"], blocks, slice(None))
        mark("matrix")
        return CandidateFeatures(candidates, feature_names(blocks), features, sizes)

    def rank(self, gathered: CandidateFeatures, mark: Mark) -> list[Answer]:
        """The best five of each query's candidates, equal ones by id."""
        sizes = gathered.sizes
        scores = score_models(gathered.names, gathered.features, self.models)
        mark("models")
        blended = standardise(scores, sizes[sizes > 0]) @ self.weights
        items, ends = gathered.candidates["item"].to_numpy(), np.cumsum(sizes)
        answers = []
        for start, end in zip(ends - sizes, ends, strict=True):
            order = np.lexsort((items[start:end], -blended[start:end]))[:LENGTH]
            answers.append([float(item) for item in items[start:end][order]])
        mark("ranking")
        return answers


def join_requests(requests: Sequence[Request]) -> Request:
    """Some requests as one, their queries numbered from 0."""
    number = [pl.lit(index, pl.Int32).alias("query") for index in range(len(requests))]
    queries = pl.concat([one.queries.with_columns(own) for one, own in zip(requests, number, strict=True)])
    seen = pl.concat([one.seen.with_columns(own) for one, own in zip(requests, number, strict=True)])
    return Request(queries, seen)


load = NewsService  # what a worker process calls, with an export and a variant


def read_requests(path: Path) -> list[Request]:
    """The queries of a folder of requests, one by one."""
    queries, seen = read_table(path / QUERIES), read_keyed(path / SEEN, "query")
    parts = (queries[row] for row in range(queries.height))
    return [Request(part, seen.take(part["query"])) for part in parts]
