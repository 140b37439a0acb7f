"""A service of the news competition: what a user clicked -> five articles.

Item-to-item tables, popularity lists, vectors and click counts were made at export. Recall runs over arrays
(``serve_recall.py``); for features a request cuts the few rows that it can meet out of each table, and hands these to
the pipeline's own functions. Only how often the readers of a place click an article is counted here from tables, since
the pipeline counts it over the whole log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from common.ranking.blending import standardise
from common.ranking.dataset import Matrix, to_matrix
from common.retrieval.item2vec import ItemVectors
from common.serving.benchmark import Answer, Mark
from common.serving.feature_tables import read_array, read_keyed, read_struct, read_table
from common.serving.model_files import read_models, score_models
from common.split import Fold
from competitions.news.config import RecallSettings
from competitions.news.features import PLACES, channel_block, item_block, pair_block, query_block
from competitions.news.io.reader import Embeddings
from competitions.news.serving.retrieval import Channels, Follow, Reader, Window, table_path

LENGTH = 5
HOUR_MS = 3_600_000
SETTINGS, BLEND = "settings.json", "blend.json"
HISTORY, ARTICLES = "history.arrow", "articles.arrow"
QUERIES, SEEN = "queries.arrow", "seen.arrow"
ITEM2VEC, CONTENT = "item2vec", "content"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every variant: the channels in order, how they are fused, which blocks there are, the number of
    all clicks; ``content``: articles have embeddings.
    """

    follows: dict[str, Follow]
    windows: dict[str, Window]
    recall: RecallSettings
    blocks: tuple[str, ...]
    clicks: int
    content: bool


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """How a variant mixes its models."""

    weights: tuple[float, ...]


@dataclass(frozen=True)
class Question:
    """One query, or several, with what the users saw."""

    queries: pl.DataFrame
    seen: pl.DataFrame


@dataclass(frozen=True)
class Gathered:
    """Candidates of some queries with their features: ``sizes`` of the queries, in order, 0 where nothing was found."""

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
        told = self.settings
        self.channels = Channels(export, told.recall, told.follows, told.windows)
        self.both = {place: read_keyed(table_path(export, f"place-{place}"), "item") for place in PLACES}
        self.here = {place: read_table(table_path(export, f"here-{place}")) for place in PLACES}
        self.whole = read_keyed(table_path(export, "whole"), "item")
        names = (ITEM2VEC, CONTENT) if self.settings.content else (ITEM2VEC,)
        self.vectors = {
            name: (read_array(export / f"{name}-items.npy"), read_array(export / f"{name}.npy")) for name in names
        }

    def recall(self, asked: Question, mark: Mark) -> pl.DataFrame:
        """The candidates of all queries, as the pipeline finds them from the whole log."""
        found = []
        for place, seen in enumerate(asked.seen.partition_by("query", maintain_order=True)):
            item, time, back = (seen[name].to_numpy() for name in ("item", "time", "back"))
            reader = Reader(item, time, back, int(asked.queries["time"][place]))
            united = self.channels.unite(reader)
            found.append(
                united.insert_column(0, pl.repeat(place, united.height, dtype=pl.Int32, eager=True).alias("query"))
            )
        mark("recall")
        return pl.concat(found)

    def describe(self, asked: Question, candidates: pl.DataFrame, mark: Mark) -> dict[str, pl.DataFrame]:
        """The feature blocks of the candidates, each as the pipeline makes it from the whole log."""
        items = candidates["item"]
        articles = self.articles.take(pl.concat([items, asked.seen["item"]]))
        history = self.history.take(items)
        fold = Fold(history, asked.queries, asked.seen, None)
        made = {"query": query_block(fold, articles)}
        mark("query block")
        made["item"] = item_block(fold, articles, candidates)
        mark("item block")
        near = pl.concat([items, asked.seen.filter(pl.col("back") < 5)["item"]]).unique().sort().to_numpy()
        item2vec = ItemVectors(*self.cut_vectors(ITEM2VEC, near))
        content = Embeddings(*self.cut_vectors(CONTENT, near)) if self.settings.content else None
        bare = Fold(history.clear(), asked.queries, asked.seen, None)  # places are counted below
        pair = pair_block(bare, articles, candidates, item2vec, content)
        made["pair"] = pair.with_columns(self.measure_place(asked, candidates, place) for place in PLACES)
        mark("pair block")
        made["channel"] = channel_block(candidates)
        mark("channel block")
        return {block: made[block] for block in self.settings.blocks}

    def cut_vectors(self, name: str, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of some items, ascending."""
        items, vectors = self.vectors[name]
        place = np.searchsorted(items, asked).clip(max=max(len(items) - 1, 0))
        kept = place[items[place] == asked] if len(items) else place[:0]
        return np.asarray(items[kept]), np.asarray(vectors[kept])

    def measure_place(self, asked: Question, candidates: pl.DataFrame, place: str) -> pl.Series:
        """The lift of ``features``: log of (clicks from the place + 1) / (expected + 1), from counts made at export."""
        items = candidates["item"]
        rows = candidates.select("query", "item").join(
            asked.queries.select("query", place), on="query", how="left", maintain_order="left"
        )
        for table, on in (
            (self.both[place].take(items), [place, "item"]),
            (self.here[place], [place]),
            (self.whole.take(items), ["item"]),
        ):
            rows = rows.join(table, on=on, how="left", maintain_order="left")
        rows = rows.fill_null(0)
        expected = (pl.col("whole") + 10) * (pl.col("here") + 10) / max(self.settings.clicks, 1)
        lift = ((pl.col("both") + 1) / (expected + 1)).log().cast(pl.Float32)
        return rows.select(lift.alias(f"pair_{place}_lift")).to_series()


class NewsService:
    """Tables and models in memory."""

    def __init__(self, export: Path, variant: str) -> None:
        """Load what one variant needs."""
        self.tables, self.models = Tables(export), read_models(export / variant)
        self.weights = np.array(read_struct(export / variant / BLEND, Weights).weights)

    def answer(self, requests: Sequence[Question], mark: Mark) -> list[Answer]:
        """For each user the ids of five articles, best first; fewer where recall found fewer."""
        return self.rank(self.gather(requests, mark), mark)

    def gather(self, requests: Sequence[Question], mark: Mark) -> Gathered:
        """Candidates and features, which all variants share."""
        asked = join_questions(requests)
        candidates = self.tables.recall(asked, mark)
        blocks = self.tables.describe(asked, candidates, mark)
        parts, names = [], []
        for name, block in blocks.items():
            part = (
                block
                if name != "query"
                else candidates.select("query").join(block, on="query", how="left", maintain_order="left").drop("query")
            )
            parts.append(to_matrix(part))
            names += part.columns
        sizes = np.bincount(candidates["query"].to_numpy(), minlength=len(requests)).astype(np.int32)
        gathered = Gathered(candidates, tuple(names), np.hstack(parts), sizes)
        mark("matrix")
        return gathered

    def rank(self, gathered: Gathered, mark: Mark) -> list[Answer]:
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


def join_questions(requests: Sequence[Question]) -> Question:
    """Some questions as one, their queries numbered from 0."""
    number = [pl.lit(place, pl.Int32).alias("query") for place in range(len(requests))]
    queries = pl.concat([one.queries.with_columns(own) for one, own in zip(requests, number, strict=True)])
    seen = pl.concat([one.seen.with_columns(own) for one, own in zip(requests, number, strict=True)])
    return Question(queries, seen)


def load(export: Path, variant: str) -> NewsService:
    """The service of a variant of an export."""
    return NewsService(export, variant)


def read_requests(path: Path) -> list[Question]:
    """The queries of a folder of requests, one by one."""
    queries, seen = read_table(path / QUERIES), read_keyed(path / SEEN, "query")
    parts = (queries[place] for place in range(queries.height))
    return [Question(part, seen.take(part["query"])) for part in parts]
