"""What validation ranked, of the kinds ``one`` and ``several``: lists of candidates by the scores of one model, and
what follows from them for a run's record, its report and its blends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.evidence import BLEND, MISSED, RANDOM, Evidence
from common.day.judged import Judged
from common.day.record_schema import Example, Scored
from common.day.run_record import average_queries
from common.learning.chain import Order, score_rule
from common.learning.dataset import RankingDataset
from common.learning.listwise_softmax import Sizes, find_starts
from common.learning.metrics import average, rank_rows, score_lists

NAMES = ("query", "user")  # columns of queries that are no slice


@dataclass(frozen=True)
class RankedLists:
    """``queries``: query, user, then slices (text); ``answers``: query, item; ``candidates``: query, item, one query's
    together; their ``rows`` and ``scores``. ``metric``: such as "ndcg@10". ``rules``: plain orders of the
    same candidates, by what the report calls them.
    """

    metric: str
    queries: pl.DataFrame
    answers: pl.DataFrame
    candidates: pl.DataFrame
    rows: RankingDataset
    scores: Floats
    rules: Mapping[str, Order]

    @property
    def cutoff(self) -> int:
        """The first so many of a list count."""
        return int(self.metric.partition("@")[2])

    @property
    def counts(self) -> pl.DataFrame:
        """How many right answers each query has: query, answers."""
        return self.answers.group_by("query").agg(answers=pl.len())

    def earn(self, scores: Floats) -> Floats:
        """What each of the queries earns by an order of its candidates; 0 without any."""
        listed = self.candidates.select(pl.col("query").unique(maintain_order=True))
        known = listed.join(self.counts, on="query", how="left", maintain_order="left")["answers"].fill_null(0)
        earned = score_lists(self.metric, scores, self.rows.labels, self.rows.group_sizes, known.to_numpy())
        found = listed.with_columns(score=pl.Series(earned))
        return self.queries.join(found, on="query", how="left", maintain_order="left")["score"].fill_null(0).to_numpy()

    def score_queries(self) -> pl.DataFrame:
        """The queries of a run's record: query (its user as text), fold, score, slices."""
        return self.queries.select(
            pl.col("user").cast(pl.String).alias("query"),
            pl.lit("validation").alias("fold"),
            pl.Series("score", self.earn(self.scores)),
            pl.exclude(*NAMES),
        )

    def collect_evidence(self) -> Evidence:
        """A row a candidate; the rank of each right answer; what plain orders score."""
        users = self.queries.select("query", user=pl.col("user").cast(pl.String))
        listed = self.candidates.select("query", "item").with_columns(
            pl.Series("label", self.rows.labels),
            pl.Series(BLEND, self.scores),
            pl.Series("rank", rank_rows(self.scores, self.rows.labels, self.rows.group_sizes)),
        )
        answers = self.answers.join(self.queries, on="query", how="semi", maintain_order="left")
        found = answers.join(listed, on=["query", "item"], how="left", maintain_order="left")
        named = listed.join(users, on="query", maintain_order="left").join(
            self.counts, on="query", how="left", maintain_order="left"
        )
        chance = np.random.default_rng(0).random(len(self.scores))
        orders = {RANDOM: chance} | {name: score_rule(self.rows, order) for name, order in self.rules.items()}
        return Evidence(
            candidates=named.select(query="user", item="item", label="label", answers="answers", blend=BLEND),
            rows=self.rows,
            ranks=found["rank"].fill_null(MISSED).to_numpy(),
            example=lambda at: self.show(found.row(at, named=True)["query"], listed, answers),
            stages=[("all right answers", answers.height)],
            cutoffs=(self.cutoff,),
            rivals=[Scored(name, *average(self.earn(scores)), self.queries.height) for name, scores in orders.items()],
        )

    def show(self, query: int, listed: pl.DataFrame, answers: pl.DataFrame) -> Example:
        """A query in words: the user, the list that is handed in, what is right."""
        own = self.queries.row(by_predicate=pl.col("query") == query, named=True)
        top = listed.filter(pl.col("query") == query).sort("rank").head(self.cutoff)["item"]
        right = answers.filter(pl.col("query") == query)["item"]
        told = next((f"item {item}" for item in top if item in right), f"item {right[0]}")
        slices = ", ".join(f"{name} {value}" for name, value in own.items() if name not in NAMES)
        return Example(f"User {own['user']}", slices, [f"item {item}" for item in top], told)


def judge_lists(lists: RankedLists, model: str, meaning: str) -> Judged:
    """What a run reports of one model's lists; what explains a whole run is added by the competition."""
    queries = lists.score_queries()
    return Judged(
        metric=lists.metric.upper(),
        meaning=meaning,
        queries=queries,
        evidence=lists.collect_evidence,
        ranking=[Scored(model, **average_queries(queries))],
        features=lambda: lists.rows.names,
    )


def earn_lists(metric: str) -> Callable[[pl.DataFrame, Sizes], Floats]:
    """What the lists of a blend earn: candidates with score, label and the number of their query's ``answers``."""

    def earn(candidates: pl.DataFrame, sizes: Sizes) -> Floats:
        answers = candidates["answers"].gather(find_starts(sizes)).to_numpy()
        return score_lists(metric, candidates["score"].to_numpy(), candidates["label"].to_numpy(), sizes, answers)

    return earn
