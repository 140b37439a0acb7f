"""What validation ranked, of the kinds ``one`` and ``several``: lists of candidates by the scores of one model, and
what follows from them for a run's record, its report and its blends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.blend import Blending
from common.day.evidence import BLEND, MISSED, RANDOM, Evidence
from common.day.hosts import TRUTH
from common.day.judged import Judged, measure_importance
from common.day.record_schema import Example, Scored
from common.day.run_record import SimulatedTruth, average_queries
from common.engine.errors import UserError
from common.engine.run import Result, collect
from common.io.answer_file import SUBMISSION, ListFile
from common.io.submission import Checked, write_whole
from common.learning.chain import Order, score_rule
from common.learning.dataset import RankingDataset, label_candidates, make_dataset, pick_queries
from common.learning.gbdt import Ranker, predict
from common.learning.listwise_softmax import Sizes, find_starts
from common.learning.metrics import average, rank_rows, score_lists
from common.learning.model_diagnostics import curves
from common.learning.split import Fold
from common.simulation.oracle import read_oracle

FEW_EVENTS = 8
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


def earn_lists(metric: str) -> Callable[[pl.DataFrame, Sizes], Floats]:
    """What the lists of a blend earn: candidates with score, label and the number of their query's ``answers``."""

    def earn(candidates: pl.DataFrame, sizes: Sizes) -> Floats:
        answers = candidates["answers"].gather(find_starts(sizes)).to_numpy()
        return score_lists(metric, candidates["score"].to_numpy(), candidates["label"].to_numpy(), sizes, answers)

    return earn


# --- what a pipeline of lists leaves, and what every competition of lists makes of it ---


@dataclass(frozen=True)
class Labelled:
    """The candidates of the labelled queries: those to learn from, those to stop and judge by."""

    train: RankingDataset
    valid: RankingDataset


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated. ``fold``: the labelled queries, with a ``role``, train or valid;
    ``lists`` by channel, their ``recall``, the ``weights`` of their fusion; ``early``: the ranker that stopped by the
    valid queries; ``test``: the queries of the host.
    """

    fold: Result[Fold]
    lists: Result[dict[str, pl.DataFrame]]
    recall: Result[pl.DataFrame]
    weights: Result[dict[str, float]]
    candidates: Result[pl.DataFrame]
    rows: Result[Labelled]
    early: Result[Ranker]
    test: Result[Fold]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves beside it: the ``final`` ranker, the test's candidates with their scores, the checked
    submission.
    """

    final: Result[Ranker]
    scored: Result[pl.DataFrame]
    checked: Checked


def gather_labelled(fold: Fold, candidates: pl.DataFrame, features: pl.DataFrame) -> Labelled:
    """The labelled candidates as matrices, by the role of their query. ``UserError`` where none is right."""
    assert fold.answers is not None
    rows = make_dataset(features, candidates, label_candidates(candidates, fold.answers))
    listed = candidates.select(pl.col("query").unique(maintain_order=True))
    train = (listed.join(fold.queries, on="query", maintain_order="left")["role"] == "train").to_numpy()
    parts = pick_queries(rows, train), pick_queries(rows, ~train)
    if not all(part.labels.any() for part in parts):
        raise UserError("No right answer is among the candidates: the log is too small, or retrieval lists too few.")
    return Labelled(*parts)


def score_candidates(candidates: pl.DataFrame, rows: RankingDataset, ranker: Ranker) -> pl.DataFrame:
    """Candidates with their scores: query, item, score."""
    return candidates.select("query", "item", score=pl.Series(predict(ranker, rows.names, rows.features)))


def slice_by_events(fold: Fold) -> pl.DataFrame:
    """Users by how much they did: query, events."""
    events = (
        pl.when(pl.len() < FEW_EVENTS).then(pl.lit(f"1-{FEW_EVENTS - 1}")).otherwise(pl.lit(f"{FEW_EVENTS} or more"))
    )
    return fold.seen.group_by("query").agg(events=events)


@dataclass(frozen=True)
class ListTask:
    """A competition that hands in lists: what is reported of a run, how its truth is scored, how runs are blended.

    ``metric``: such as "ndcg@10"; ``model``: its name; ``file``: the form of the submission; ``rules``: plain orders of
    the candidates, by what the report calls them; ``slices(fold)``: by what queries are told apart: query, then text.
    """

    metric: str
    model: str
    file: ListFile
    rules: Mapping[str, Order]
    slices: Callable[[Fold], pl.DataFrame] = slice_by_events

    def list_valid(self, outcome: Validated) -> RankedLists:
        """The lists of the validation queries."""
        fold, rows = outcome.fold.value, outcome.rows.value.valid
        assert fold.answers is not None
        queries = fold.queries.filter(role="valid").select("query", "user")
        candidates = outcome.candidates.value.join(queries, on="query", how="semi", maintain_order="left")
        return RankedLists(
            metric=self.metric,
            queries=queries.join(self.slices(fold), on="query", how="left", maintain_order="left"),
            answers=fold.answers,
            candidates=candidates,
            rows=rows,
            scores=predict(outcome.early.value, rows.names, rows.features),
            rules={name: order for name, order in self.rules.items() if order is None or order[0] in rows.names},
        )

    def judge(self, outcome: Validated, config: object) -> Judged:
        """What a run reports, or one that stopped after validation; of a whole run also what its ranker goes by."""
        lists = self.list_valid(outcome)
        queries = lists.score_queries()
        judged = Judged(
            metric=self.metric.upper(),
            meaning=f"{self.metric} of the list, the mean over users",
            queries=queries,
            evidence=lists.collect_evidence,
            ranking=[Scored(self.model, **average_queries(queries))],
            features=lambda: lists.rows.names,
            tables=lambda: [("Recall of the channels", outcome.recall.value.to_dicts())],
        )
        if not isinstance(outcome, Outcome):
            return judged
        valid = outcome.rows.field("valid")
        return replace(
            judged,
            submissions=[outcome.checked],
            importance=(measure_importance, valid, collect([outcome.early])),
            curves=lambda: curves({self.model: outcome.early.value}),
        )

    def score(self, path: Path, truth: Path, files: object = None) -> dict[str, float]:
        """The score of a submission against a truth file, with its error."""
        row = average_queries(self.file.score(path, truth, self.metric))
        return {self.metric: row["score"], f"{self.metric}_error": row["error"]}

    def score_truth(self, outcome: Outcome, raw: Path) -> SimulatedTruth:
        """The submission's scores on the truth of simulated raw files."""
        path, truth = outcome.checked.path, raw / TRUTH
        scores, queries = self.score(path, truth), self.file.score(path, truth, self.metric)
        score, error = scores.values()
        return SimulatedTruth(score, error, read_oracle(raw).score, scores, queries)

    @property
    def blending(self) -> Blending:
        """How runs are mixed: a query is a user, as the submission names it."""
        return Blending(
            list_test=list_test, earn=earn_lists(self.metric), answer=self.answer, labels=("label", "answers")
        )

    def answer(self, candidates: pl.DataFrame, files: object, folder: Path) -> list[Path]:
        """The submission of the scored candidates of users (query)."""
        users = candidates.select("query", user="query").unique()
        return [write_whole(folder / SUBMISSION, self.file.fill(users, candidates).write_csv)]


def list_test(outcome: Outcome) -> pl.DataFrame:
    """A row a candidate of a user to answer for: query (the user), item, score."""
    users = outcome.test.value.queries.select("query", "user")
    listed = outcome.scored.value.join(users, on="query", maintain_order="left")
    return listed.select("item", "score", query="user")
