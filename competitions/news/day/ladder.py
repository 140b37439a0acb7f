"""What each part is worth: from popularity to the whole pipeline, on the same validation users.

    make ladder-news      make rung-news RUNG=als      or      python -m competitions ladder news --only als

First methods without a ranker, and public ones that have a mark on the host's log (``lab/``), then the
union of the channels, then the pipeline run again and again, one part richer each time. Candidates, features and fits
that two rungs share are taken from the store.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from common.day import ladder as steps
from common.day.ladder import Ladder, Rung, Scored
from common.engine.run import Result, Run
from common.learning.metrics import reciprocal_ranks
from common.learning.split import Fold
from competitions.news import split
from competitions.news.config import MODEL, NewsConfig
from competitions.news.day.judged import list_queries
from competitions.news.day.rows import list_rows
from competitions.news.io import reader
from competitions.news.lab import als, gru4rec, reranking
from competitions.news.lab.marks import METHODS, Method
from competitions.news.list_metrics import coverage
from competitions.news.pipeline import FoldInputs, Frames, Outcome, retrieve, solve
from competitions.news.ranking import CUTOFF, count_rows
from competitions.news.retrieval.fusion import fuse_channels, learn_fusion
from competitions.news.retrieval.neighbours import score_neighbours
from competitions.news.retrieval.popularity import find_popular

# (key of the rung, title, channels)
CHANNELS = (
    (
        "lightgbm",
        "popularity around the click",
        ("popular_1h", "popular_3h", "popular_next3h", "popular_next24h", "popular_24h"),
    ),
    ("lightgbm-covisits", "co-visitation", ("covisit", "covisit_all", "covisit_last", "covisit_fast")),
    ("lightgbm-transitions", "transitions", ("next", "next_last", "previous", "gap30")),
    ("lightgbm-content", "content neighbours", ("content",)),
    ("lightgbm-fresh", "fresh in category", ("fresh",)),
)
POPULAR = "popularity"
# Channels without a ranker: (key, title, family, channel, the function to read).
ALONE: tuple[tuple[str, str, str, str, Callable[..., object]], ...] = (
    (POPULAR, "popularity within an hour of the click", steps.POPULARITY, "popular_1h", find_popular),
    ("covisits", "item-kNN: co-visitation of all clicks", steps.NEIGHBOURS, "covisit", score_neighbours),
    ("transitions", "transitions from the last clicks", steps.NEIGHBOURS, "next", score_neighbours),
)
ORDER = ("channel", "item", "pair")
LAST = f"lightgbm-{ORDER[-1]}"  # the whole pipeline, which is re-ranked
# (key, title, method, its trade-off or strength)
RERANKED: tuple[tuple[str, str, reranking.Method, float], ...] = (
    ("mmr", "re-ranked by MMR, trade-off .9", "mmr", 0.9),
    ("mmr-half", "re-ranked by MMR, trade-off .5", "mmr", 0.5),
    ("dpp", "re-ranked by DPP, strength 8", "dpp", 8.0),
    ("dpp-weak", "re-ranked by DPP, strength 2", "dpp", 2.0),
)
SEQUENCE = gru4rec.SequenceSettings()
# What a pipeline does beside answering the validation users is no cost of a rung.
FREE = ("read_", "label", "ask", "test.", "refit.", "score_test", "answer", "measure_recall")
LEARNED: Literal["learned"] = "learned"
Row = dict[str, Any]
Judge = Callable[[Path], float | None]  # a submission's score on a known truth


@dataclass(frozen=True)
class Climb:
    """What every rung needs; ``judge``: a submission's score on the truth, where that is known."""

    files: reader.RawFiles
    config: NewsConfig
    run: Run
    articles: Result[pl.DataFrame]
    content: Result[reader.Embeddings] | None
    fold: Result[Fold]
    judge: Judge | None

    def retrieve(self, channels: Sequence[str]) -> Frames:
        """The lists of these channels."""
        inputs = FoldInputs("labelled", self.fold, self.articles, self.content)
        return retrieve(inputs, msgspec.structs.replace(self.config.recall, channels=list(channels)), self.run)

    def retrieve_all(self) -> Frames:
        """The lists of every channel."""
        return self.retrieve([channel for _, _, more in CHANNELS for channel in more])


def climb(
    files: reader.RawFiles, config: NewsConfig, run: Run, only: str | None = None, judge: Judge | None = None
) -> list[Row]:
    """One row per rung: MRR@5 on the validation users with its error, the recall of the candidates, and MRR@5
    of the submission on the truth, where ``judge`` knows that. ``only``: the key of one rung.
    """
    articles = run.step(reader.read_articles, files.articles)
    clicks = run.step(reader.read_clicks, files.train, files.tests, files.target, articles.frame)
    content = run.step(reader.read_embeddings, files.embeddings) if files.embeddings else None
    fold = run.step(split.label_fold, clicks.frame, config.split, config.seed, name="label")
    way = Climb(files, config, run, articles.frame, content, fold, judge)
    rungs = [*list_alone(way), *list_fused(way), *list_pipelines(way), *list_reranked(way)]
    return Ladder(run, "News: the hidden click, on the validation users", "MRR@5", files).climb(rungs, only)


def list_alone(way: Climb) -> Iterator[Rung]:
    """Rungs of one method without a ranker: channels, public methods, factors."""
    for key, title, family, channel, code in ALONE:

        def score_channel(channel: str = channel) -> Scored:
            return score_lists(way, way.retrieve([channel]).value[channel])

        yield Rung(key, title, family, score_channel, code, builds_on=POPULAR)
    for number, method in enumerate(METHODS):

        def score_method(number: int = number, method: Method = method) -> Scored:
            valid = way.run.step(take_valid, way.fold, name="ladder.valid")
            name = f"ladder.public.{number}"
            return score_lists(way, way.run.step(method.rank, valid, way.articles, way.config.seed, name=name).value)

        yield Rung(method.key, method.title, method.family, score_method, method.rank, builds_on=POPULAR)

    def score_factors() -> Scored:
        top = way.config.recall.per_channel
        factors = way.run.step(als.list_by_factors, way.fold, top, way.config.seed, name="ladder.factors")
        return score_lists(way, factors.value)

    yield Rung("als", "ALS: users x articles", steps.FACTORS, score_factors, als.list_by_factors, builds_on=POPULAR)


def list_fused(way: Climb) -> Iterator[Rung]:
    """Rungs over the union of all channels: two ways to fuse them, and a recurrent network that ranks it."""
    step, most = way.run.step, way.config.recall.candidates

    def fuse() -> Result[pl.DataFrame]:
        lists = way.retrieve_all()
        fusion = step(learn_fusion, way.fold, lists, LEARNED, way.config.seed)
        return step(fuse_channels, lists, most, fusion, name="labelled.unite")

    def score_ranks() -> Scored:
        union = step(fuse_channels, way.retrieve_all(), most, name="ladder.unite")
        return score_lists(way, union.value.select("query", "item", score="fusion"))

    def score_fusion() -> Scored:
        return score_lists(way, fuse().value.select("query", "item", score="fusion"))

    def score_network() -> Scored:
        scores = step(gru4rec.score_next, way.fold, fuse(), SEQUENCE, way.config.seed, name="ladder.sequence")
        return score_lists(way, scores.value)

    yield Rung(
        "rrf", "all channels, fused by reciprocal ranks", steps.RETRIEVAL, score_ranks, fuse_channels, builds_on=POPULAR
    )
    yield Rung("fusion", "all channels, with learned weights", steps.RETRIEVAL, score_fusion, learn_fusion)
    yield Rung("gru4rec", "GRU over these candidates", steps.SEQUENCE, score_network, gru4rec.score_next)


def list_pipelines(way: Climb) -> Iterator[Rung]:
    """The pipeline, one part richer each time."""
    for number, (key, title, family, changed) in enumerate(list_rungs(way.config)):

        def score_pipeline(changed: NewsConfig = changed) -> Scored:
            return score_outcome(way, solve(way.files, changed, way.run))

        below = None if number else POPULAR
        yield Rung(key, title, family, score_pipeline, solve, free=FREE, builds_on=below)


def list_reranked(way: Climb) -> Iterator[Rung]:
    """The first fifty of the pipeline in another order: what variety costs. None without the articles' vectors."""
    if way.content is None:
        return
    content = way.content
    for key, title, method, weight in RERANKED:

        def score_reranked(method: reranking.Method = method, weight: float = weight) -> Scored:
            rows = list_rows(solve(way.files, change(way.config, way.config.recall.channels, ORDER), way.run))
            ranked = rows.candidates.with_columns(score=rows.scores[rows.by])
            inputs = (ranked, content.value, method, weight, CUTOFF)
            users = way.fold.value.queries.select("query", user=pl.col("user").cast(pl.String))
            lists = reranking.rerank_lists(*inputs).join(users, left_on="query", right_on="user")
            return score_lists(way, lists.select("item", "score", query="query_right"))

        yield Rung(key, title, steps.RERANKING, score_reranked, reranking.RERANK[method], builds_on=LAST)


def score_outcome(way: Climb, outcome: Outcome) -> Scored:
    """A run of the pipeline: the scores of its queries in the fold's order, and its lists."""
    recall_all = outcome.recall.value["recall@all"][-1]
    rows = list_rows(outcome)
    listed = rows.candidates.with_columns(score=rows.scores[rows.by], answer=pl.Series(rows.rows.labels) > 0)
    return record(
        way, list_queries(outcome), recall_all, listed, way.judge(outcome.checked.path) if way.judge else None
    )


def score_lists(way: Climb, lists: pl.DataFrame) -> Scored:
    """Weighted MRR@5 of lists (query, item, score), and how many answers they hold; a tie counts against the answer."""
    fold = way.fold.value
    assert fold.answers is not None
    queries = fold.queries.filter(role="valid")
    answers = fold.answers.join(queries, on="query", how="semi").with_columns(label=pl.lit(1.0, pl.Float32))
    valid = lists.join(answers, on="query", how="semi").sort("query", "item")
    marked = valid.join(answers, on=["query", "item"], how="left", maintain_order="left").with_columns(
        pl.col("label").fill_null(0.0)
    )
    labels, sizes = marked["label"].to_numpy(), count_rows(marked)
    reciprocal = reciprocal_ranks(marked["score"].cast(pl.Float64).to_numpy(), labels, sizes, CUTOFF)
    each = marked.select(pl.col("query").unique(maintain_order=True), score=pl.Series(reciprocal))
    scored = queries.join(each, on="query", how="left", maintain_order="left").with_columns(
        pl.col("score").fill_null(0)
    )
    users = queries.select("query", user=pl.col("user").cast(pl.String))
    listed = marked.join(users, on="query", maintain_order="left").select(
        "item", "score", query="user", answer=pl.col("label") > 0
    )
    return record(way, scored, float(labels.sum()) / max(answers.height, 1), listed, None)


def record(way: Climb, queries: pl.DataFrame, recall: float, listed: pl.DataFrame, truth: float | None) -> Scored:
    """A rung by its validation queries in the fold's order: score, weight; ``listed``: query (the user), item, score,
    answer, of which the first five are shown. Beside the score: the share of all articles that some list shows, and
    how far apart the articles of a list are.
    """
    first = listed.sort("query", "score", "item", descending=[False, True, False]).with_columns(
        rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("query")
    )
    names = way.articles.value.select("item", name=pl.format("{} (category {})", "item", "category"))
    seen = first.filter(pl.col("rank") <= CUTOFF)
    lists = seen.join(names, on="item", how="left", maintain_order="left")
    more = {"recall": recall, "truth mrr@5": truth, "coverage": coverage(seen, way.articles.value.height, CUTOFF)}
    if way.content is not None:
        vectors = reranking.take_unit_vectors(way.content.value, seen["item"].to_numpy())
        lists_ = seen["query"].rle_id().to_numpy()
        more["distance"] = reranking.intra_list_distance(lists_, vectors)
    return Scored(
        queries["score"].to_numpy(),
        queries["weight"].to_numpy(),
        more,
        lists.select("query", "rank", item="name", answer="answer"),
    )


def take_valid(fold: Fold) -> Fold:
    """The validation queries alone, without answers: methods that train do so on the history's other users."""
    queries = fold.queries.filter(role="valid")
    return Fold(fold.history, queries, fold.seen.join(queries, on="query", how="semi", maintain_order="left"), None)


def list_rungs(config: NewsConfig) -> Iterator[tuple[str, str, str, NewsConfig]]:
    """(key, title, family, settings) from one channel to everything: channels, then blocks."""
    channels: list[str] = []
    for key, name, more in CHANNELS:
        channels += more
        title = f"{MODEL} on the scores of {name}" if len(channels) == len(more) else f"+ {name}"
        yield key, title, steps.BOOSTING, change(config, list(channels), ORDER[:1])
    for count in range(2, len(ORDER) + 1):
        block = ORDER[count - 1]
        settings = change(config, config.recall.channels, ORDER[:count])
        yield f"lightgbm-{block}", f"+ {block} features", steps.BOOSTING, settings


def change(config: NewsConfig, channels: list[str], blocks: tuple[str, ...]) -> NewsConfig:
    """The settings with these channels and blocks."""
    rank = msgspec.structs.replace(config.rank, blocks=list(blocks))
    return msgspec.structs.replace(config, recall=msgspec.structs.replace(config.recall, channels=channels), rank=rank)
