"""A ladder of five rungs for a competition of lists that keeps to the template: popularity, co-visits, factors, the
fusion of all channels, the ranker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import getitem
from typing import Any

import polars as pl

from common.day.lists import ListTask, RankedLists, Validated
from common.engine.run import Result, Run, derive
from common.learning.dataset import label_candidates, make_dataset
from common.learning.gbdt import Ranker, fit, predict
from common.retrieval.als import fit_factors
from common.retrieval.fusion import fuse_channels
from common.retrieval.neighbours import fit_covisits
from common.retrieval.popularity import fit_popular
from competitions.learning import families
from competitions.learning.ladder import Bench, Ladder, Rung

Lists = Result[pl.DataFrame]  # query, item, score


@dataclass(frozen=True)
class ListBench(Bench[Any, Any]):
    """The validation queries; a method answers with lists. ``validate``: the pipeline up to its score on them."""

    task: ListTask
    validate: Callable[[Any, Any, Run], Validated]

    @cached_property
    def validated(self) -> Validated:
        """The pipeline's run: what its steps kept is not computed again."""
        return self.validate(self.files, self.config, self.run)

    def record(self, answer: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, float | None]]:
        """A method by its lists; beside the score the share of all right answers that they hold."""
        fold = self.validated.fold.value
        assert fold.answers is not None
        queries = fold.queries.filter(role="valid").select("query", "user")
        answers = fold.answers.join(queries, on="query", how="semi")
        listed = answer.join(queries, on="query", how="semi").sort("query", "item")
        rows = make_dataset(listed.select("score"), listed, label_candidates(listed, answers))
        scores = listed["score"].cast(pl.Float64).to_numpy()
        ranked = RankedLists(self.task.metric, queries, answers, listed, rows, scores, {})
        return ranked.score_queries(), {"recall": float(rows.labels.sum()) / answers.height}


def make_list_ladder(
    title: str, task: ListTask, validate: Callable[[Any, Any, Run], Validated], files: Any, config: Any, run: Any
) -> Ladder:
    """Five methods, each on the validation queries of the pipeline."""
    popular = "popularity"
    rungs = [
        Rung(popular, "most events before the query", families.POPULARITY, list_channel, fit_popular, ("popular",)),
        Rung("item-cf", "co-visits", families.NEIGHBOURS, list_channel, fit_covisits, ("covisit",), popular),
        Rung("als", "ALS: users x items", families.FACTORS, list_channel, fit_factors, ("als",), popular),
        Rung("fusion", "all channels, fused", families.RETRIEVAL, list_fused, fuse_channels, (), "item-cf"),
        Rung("ranker", "the ranker over these candidates", families.BOOSTING, list_ranked, fit),
    ]
    return Ladder(title, task.metric.upper(), ListBench(files, config, run, task, validate), rungs)


def list_channel(bench: ListBench, channel: str) -> Lists:
    """One channel's own lists."""
    return derive(getitem, bench.validated.lists, channel)


def list_fused(bench: ListBench) -> Lists:
    """The candidates by the vote of all channels."""
    return derive(take_fused, bench.validated.candidates)


def take_fused(candidates: pl.DataFrame) -> pl.DataFrame:
    """Candidates with the fusion as their score."""
    return candidates.select("query", "item", score="fusion")


def list_ranked(bench: ListBench) -> Lists:
    """The candidates by the ranker that stopped on them."""
    judged = bench.validated
    valid = derive(take_valid, judged.candidates, judged.fold)
    return derive(score_valid, valid, judged.rows.field("valid"), judged.early)


def take_valid(candidates: pl.DataFrame, fold: Any) -> pl.DataFrame:
    """The candidates of the validation queries, in their order."""
    return candidates.join(fold.queries.filter(role="valid"), on="query", how="semi", maintain_order="left")


def score_valid(candidates: pl.DataFrame, rows: Any, ranker: Ranker) -> pl.DataFrame:
    """These with the ranker's scores."""
    return candidates.select("query", "item", score=pl.Series(predict(ranker, rows.names, rows.features)))
