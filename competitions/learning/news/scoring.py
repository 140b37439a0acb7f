"""What the methods of the ladder begin with, and how their lists are scored: on the validation users, by MRR@5."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import polars as pl

from common.engine.run import Result, derive
from common.learning.metrics import reciprocal_ranks
from common.learning.split import Fold
from competitions.learning.ladder import Bench
from competitions.learning.news import reranking
from competitions.news import split
from competitions.news.config import NewsConfig
from competitions.news.io import reader
from competitions.news.lookups import UnitVectors, scale_vectors
from competitions.news.pipeline import FoldInputs, Frames, Validated, retrieve, validate
from competitions.news.ranking import CUTOFF, count_group_sizes


class NewsBench(Bench[reader.RawFiles, NewsConfig]):
    """The log with its validation users; a method answers with lists of articles."""

    @cached_property
    def articles(self) -> Result[pl.DataFrame]:
        """The articles: item, category and what else describes them."""
        frame: Result[pl.DataFrame] = self.run.step(reader.read_articles, self.files.articles).field("frame")
        return frame

    @cached_property
    def content(self) -> Result[reader.Embeddings] | None:
        """The articles' vectors, where there are any."""
        return self.run.step(reader.read_embeddings, self.files.embeddings) if self.files.embeddings else None

    @property
    def unit_vectors(self) -> Result[UnitVectors]:
        """These at length 1; there are some."""
        return derive(scale_vectors, self.content)

    @cached_property
    def fold(self) -> Result[Fold]:
        """The fold whose validation users are asked."""
        files = self.files
        clicks = self.run.step(reader.read_clicks, files.train, files.tests, files.target, self.articles)
        return self.run.step(split.label_fold, clicks.field("frame"), self.config.split, self.config.seed, name="label")

    @property
    def given(self) -> list[Result[Any]]:
        """What every method begins with."""
        return [self.fold, *([self.content] if self.content else [])]

    def retrieve(self, channels: Sequence[str]) -> Frames:
        """The lists of these channels."""
        inputs = FoldInputs("labelled", self.fold, self.articles, self.content)
        return retrieve(inputs, msgspec.structs.replace(self.config.recall, channels=list(channels)), self.run)

    def validate(self, config: NewsConfig) -> Validated:
        """The pipeline with these settings, up to its score on validation."""
        return validate(self.files, config, self.run)

    def record(self, answer: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, float | None]]:
        """A method by its lists (query, item, score). Beside the score: the share of the answers that they hold, the
        share of all articles that some list shows first, and how far apart the articles of a list are.
        """
        marked, queries = mark(self.fold.value, answer)
        ranked = marked.sort("query", "score", descending=[False, True], maintain_order=True)
        first = ranked.filter(pl.int_range(pl.len()).over("query") < CUTOFF)
        more: dict[str, float | None] = {"recall": float(marked["label"].sum()) / max(queries.height, 1)}
        more["coverage"] = first["item"].n_unique() / self.articles.value.height
        if self.content is not None:
            content = self.unit_vectors.value
            vectors = content.vectors[content.rows(first["item"].to_numpy())].astype(np.float64)
            more["distance"] = reranking.intra_list_distance(first["query"].rle_id().to_numpy(), vectors)
        return queries, more


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
    reciprocal = reciprocal_ranks(scores, labels, count_group_sizes(marked), CUTOFF)
    each = marked.select(pl.col("query").unique(maintain_order=True), score=pl.Series(reciprocal))
    scored = queries.join(each, on="query", how="left", maintain_order="left")
    return marked, scored.with_columns(pl.col("score").fill_null(0))
