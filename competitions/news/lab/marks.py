"""Public methods and their marks: does a simulated log reward what the host's log rewards?

    python -m competitions.news.lab --raw build/news/simulated/scale-1.0

``board``: the host's test users, MRR@5. ``offline``: the second place's split, the last click of the users of
50,000 random rows of the train log: the more active, the likelier.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from common.day.methods import families
from common.engine.progress import track
from common.learning.metrics import evaluate_ranks
from common.learning.split import Fold
from competitions.news import split
from competitions.news.lab import neighbours
from competitions.news.split import cut_history

OFFLINE_SHARE = 50_000 / 1_112_623  # of the rows of the train log
METRICS = {"mrr@5": ("mrr", 5), "hit@5": ("hit_rate", 5), "hit@50": ("hit_rate", 50)}
Rank = Callable[[Fold, pl.DataFrame, int], pl.DataFrame]
Row = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """A public method: ``rank(fold, articles, seed)`` lists (query, item, score), best first.

    ``key``, ``title``, ``family`` of its rung. ``marks``: what it earned on the host's log, by "fold metric".
    """

    key: str
    title: str
    family: str
    rank: Rank
    marks: Mapping[str, float]


# As published: popularity by sylvia-ymlin/news-recommendation, item CF by xfz312/Tianchi_News_Rec; the offline
# marks by users of the second place's code (LogicJake) on its own split.
METHODS = (
    Method(
        "popularity-ever", "global popularity", families.POPULARITY, neighbours.list_popular, {"board mrr@5": 0.0192}
    ),
    Method(
        "item-cf",
        "item CF of all clicks",
        families.NEIGHBOURS,
        neighbours.list_by_item_cf,
        {"board mrr@5": 0.1026, "offline hit@5": 0.20},
    ),
    Method(
        "item-cf-near",
        "item CF, near pairs and late clicks first",
        families.NEIGHBOURS,
        neighbours.list_by_position_cf,
        {"board mrr@5": 0.1503},
    ),
    Method(
        "item-cf-last",
        "item CF of the last two clicks",
        families.NEIGHBOURS,
        neighbours.list_by_last_two,
        {"offline mrr@5": 0.197, "offline hit@5": 0.333, "offline hit@50": 0.685},
    ),
    Method(
        "item-cf-tuned",
        "tuned item CF",
        families.NEIGHBOURS,
        neighbours.list_by_tuned_cf,
        {"offline mrr@5": 0.214, "offline hit@5": 0.359, "offline hit@50": 0.7295},
    ),
    Method("swing", "swing", families.NEIGHBOURS, neighbours.list_by_swing, {"offline hit@5": 0.288}),
)


def board_fold(clicks: pl.DataFrame, truth: pl.DataFrame) -> Fold:
    """The test users, with the answers of ``truth`` (user, item)."""
    fold = split.build_test_fold(clicks)
    answers = fold.queries.select("query", "user").join(truth, on="user", maintain_order="left")
    return Fold(fold.history, fold.queries, fold.seen, answers.select("query", "item"))


def offline_fold(clicks: pl.DataFrame, seed: int) -> Fold:
    """The second place's split: users of randomly drawn rows of the train log, their last click hidden."""
    train = clicks.filter(~pl.col("is_test"))
    rows = train.sample(fraction=OFFLINE_SHARE, seed=seed)
    last = split.find_targets(clicks).filter(pl.col("is_last") & ~pl.col("is_test"))
    drawn = last.join(rows.select("user"), on="user", how="semi").sort("user").with_row_index("query")
    chosen = drawn.with_columns(pl.col("query").cast(pl.Int32))
    seen = split.own_past(clicks, chosen)
    queries = split.add_context(chosen.select("query", "user"), seen)
    return Fold(cut_history(clicks, chosen), queries, seen, chosen.select("query", "item"))


def measure(lists: pl.DataFrame, answers: pl.DataFrame) -> dict[str, float]:
    """MRR@5, hit@5 and hit@50 of lists in their order over all answers."""
    ranked = lists.with_columns(rank=pl.int_range(pl.len(), dtype=pl.Int64).over("query") + 1)
    table = evaluate_ranks(ranked, answers, (5, 50))
    return {name: table.filter(metric=metric, k=k)["value"].item() for name, (metric, k) in METRICS.items()}


def compare(methods: Sequence[Method], folds: Mapping[str, Fold], articles: pl.DataFrame, seed: int) -> list[Row]:
    """One row per mark: method, fold, metric, mark, score here, and their ratio."""
    rows: list[Row] = []
    for method in track(methods, "public methods"):
        for name in dict.fromkeys(mark.split()[0] for mark in method.marks):
            fold = folds[name]
            assert fold.answers is not None
            scores = measure(method.rank(fold, articles, seed), fold.answers)
            for mark, value in method.marks.items():
                metric = mark.removeprefix(f"{name} ")
                if metric in scores:
                    score = scores[metric]
                    figures = {"mark": value, "score": score, "ratio": score / value}
                    rows.append({"method": method.title, "fold": name, "metric": metric, **figures})
    return rows
