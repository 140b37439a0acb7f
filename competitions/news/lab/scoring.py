"""What the steps of the ladder begin with, and how their lists are scored: on the validation users, by MRR@5."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import polars as pl

from common.day.methods.ladder import Lists, Scored, rank_right
from common.engine.run import Result, Run
from common.learning.metrics import reciprocal_ranks
from common.learning.split import Fold
from competitions.news import split
from competitions.news.config import NewsConfig
from competitions.news.day.validation import RECENT
from competitions.news.io import reader
from competitions.news.lab import reranking
from competitions.news.list_metrics import coverage
from competitions.news.pipeline import FoldInputs, Frames, Validated, retrieve, validate
from competitions.news.ranking import CUTOFF, count_rows


@dataclass(frozen=True)
class Climb:
    """What the steps begin with, each part read when the first of them needs it."""

    files: reader.RawFiles
    config: NewsConfig
    run: Run

    @cached_property
    def articles(self) -> Result[pl.DataFrame]:
        """The articles: item, category and what else describes them."""
        frame: Result[pl.DataFrame] = self.run.step(reader.read_articles, self.files.articles).field("frame")
        return frame

    @cached_property
    def content(self) -> Result[reader.Embeddings] | None:
        """The articles' vectors, where there are any."""
        return self.run.step(reader.read_embeddings, self.files.embeddings) if self.files.embeddings else None

    @cached_property
    def fold(self) -> Result[Fold]:
        """The fold whose validation users are asked."""
        files = self.files
        clicks = self.run.step(reader.read_clicks, files.train, files.tests, files.target, self.articles)
        return self.run.step(split.label_fold, clicks.field("frame"), self.config.split, self.config.seed, name="label")

    @property
    def given(self) -> list[Result[Any]]:
        """What every step begins with."""
        return [self.fold, *([self.content] if self.content else [])]

    @property
    def users(self) -> pl.DataFrame:
        """The validation users: query, user (its name)."""
        valid = self.fold.value.queries.filter(role="valid")
        return valid.select("query", user=pl.col("user").cast(pl.String))

    def retrieve(self, channels: Sequence[str]) -> Frames:
        """The lists of these channels."""
        inputs = FoldInputs("labelled", self.fold, self.articles, self.content)
        return retrieve(inputs, msgspec.structs.replace(self.config.recall, channels=list(channels)), self.run)

    def validate(self, config: NewsConfig) -> Validated:
        """The pipeline with these settings, up to its score on validation."""
        return validate(self.files, config, self.run)

    def describe(self, users: Sequence[str]) -> pl.DataFrame:
        """The last clicks and the right answer of some users in words: query, history, answer."""
        fold, named = self.fold.value, name_articles(self.articles.value)
        chosen = self.users.filter(pl.col("user").is_in(users))
        assert fold.answers is not None
        seen = chosen.join(fold.seen.filter(pl.col("back") < RECENT), on="query").sort("query", "back", descending=True)
        history = seen.join(named, on="item", how="left", maintain_order="left").group_by("user").agg(history="name")
        answers = chosen.join(fold.answers, on="query").join(named, on="item", how="left").select("user", answer="name")
        joined = history.join(answers.unique("user"), on="user")
        return joined.select(query="user", history=pl.col("history").list.join("; "), answer="answer")


def mark(fold: Fold, lists: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The lists (query, item, score) of the validation queries with their ``label``, 1 for the answer; and these
    queries in the fold's order with their ``score``, the reciprocal rank: a tie counts against the answer.
    """
    assert fold.answers is not None
    queries = fold.queries.filter(role="valid")
    answers = fold.answers.join(queries, on="query", how="semi").with_columns(label=pl.lit(1.0, pl.Float32))
    valid = lists.join(answers, on="query", how="semi").sort("query", "item")
    marked = valid.join(answers, on=["query", "item"], how="left", maintain_order="left").with_columns(
        pl.col("label").fill_null(0.0)
    )
    scores, labels = marked["score"].cast(pl.Float64).to_numpy(), marked["label"].to_numpy()
    reciprocal = reciprocal_ranks(scores, labels, count_rows(marked), CUTOFF)
    each = marked.select(pl.col("query").unique(maintain_order=True), score=pl.Series(reciprocal))
    scored = queries.join(each, on="query", how="left", maintain_order="left")
    return marked, scored.with_columns(pl.col("score").fill_null(0))


def score(fold: Fold, lists: pl.DataFrame) -> tuple[float, float]:
    """Weighted MRR@5 of lists (query, item, score), and its standard error."""
    scored = mark(fold, lists)[1]
    each = scored["score"].to_numpy()
    return Scored(each, scored["weight"].to_numpy()).weigh(each)


def score_lists(way: Climb, lists: pl.DataFrame, *made_by: Result[Any]) -> Scored:
    """Lists (query, item, score), and how many answers they hold."""
    marked, scored = mark(way.fold.value, lists)
    listed = marked.join(way.users, on="query", maintain_order="left").select(
        "item", "score", query="user", answer=pl.col("label") > 0
    )
    recall = float(marked["label"].sum()) / max(scored.height, 1)
    named = scored.with_columns(query=pl.col("user").cast(pl.String))
    return record(way, named, recall, listed, made_by)


def record(
    way: Climb, queries: pl.DataFrame, recall: float, listed: pl.DataFrame, made_by: Iterable[Result[Any]]
) -> Scored:
    """A method by its validation queries in the fold's order: query (the user), score, weight; ``listed``: query, item,
    score, answer, of which the first five are shown. Beside the score: the share of all articles that some list shows,
    and how far apart the articles of a list are.
    """
    first = listed.sort("query", "score", "item", descending=[False, True, False]).with_columns(
        rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("query")
    )
    seen = first.filter(pl.col("rank") <= CUTOFF)
    shown = seen.join(name_articles(way.articles.value), on="item", how="left", maintain_order="left")
    more: dict[str, float | None] = {"recall": recall, "coverage": coverage(seen, way.articles.value.height, CUTOFF)}
    if way.content is not None:
        vectors = reranking.take_unit_vectors(way.content.value, seen["item"].to_numpy())
        more["distance"] = reranking.intra_list_distance(seen["query"].rle_id().to_numpy(), vectors)
    lists = Lists(queries["query"], rank_right(listed), shown.select("query", "rank", item="name", answer="answer"))
    return Scored(queries["score"].to_numpy(), queries["weight"].to_numpy(), more, lists, [*made_by])


def name_articles(articles: pl.DataFrame) -> pl.DataFrame:
    """item, name: the article's number and its category."""
    return articles.select("item", name=pl.format("{} (category {})", "item", "category"))
