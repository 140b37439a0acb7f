"""What public methods score on a simulated log, beside what they scored on the host's.

    python -m tests.benches.news_public --raw build/news/simulated/scale-1.0

A log is right where public methods earn on it what they earned on the host's. ``board``: the host's test users.
``offline``: the second place's split, the last click of the users of 50,000 random rows of the train log: the more
active, the likelier.
"""

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from common.day.hosts import TRUTH
from common.engine.console import print_table, wide_console
from common.engine.progress import track
from common.io.tables import read_csv
from common.learning.metrics import as_dict, evaluate_ranks
from common.learning.split import Fold
from competitions.learning.news.neighbours import METHODS
from competitions.news import split
from competitions.news.io import reader

OFFLINE_SHARE = 50_000 / 1_112_623  # of the rows of the train log
# (key of the method, fold, metric, score). As published: popularity by sylvia-ymlin/news-recommendation, item CF by
# xfz312/Tianchi_News_Rec; offline by users of the second place's code (LogicJake) on its own split.
MARKS = (
    ("popularity-ever", "board", "mrr@5", 0.0192),
    ("item-cf", "board", "mrr@5", 0.1026),
    ("item-cf", "offline", "hit_rate@5", 0.20),
    ("item-cf-last", "offline", "mrr@5", 0.197),
    ("item-cf-last", "offline", "hit_rate@5", 0.333),
    ("item-cf-last", "offline", "hit_rate@50", 0.685),
    ("swing", "offline", "hit_rate@5", 0.288),
)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.news_public", description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True, help="a simulated folder, with its truth.csv")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    files = reader.locate(options.raw)
    articles = reader.read_articles(files.articles).frame
    clicks = reader.read_clicks(files.train, files.tests, files.target, articles).frame
    truth = read_csv(options.raw / TRUTH).cast(pl.Int32).rename({"user_id": "user", "click_article_id": "item"})
    folds = {"board": board_fold(clicks, truth), "offline": offline_fold(clicks, options.seed)}
    print_table(wide_console(), "Public methods", compare(folds, options.seed))


def board_fold(clicks: pl.DataFrame, truth: pl.DataFrame) -> Fold:
    """The test users, with the answers of ``truth`` (user, item)."""
    fold = split.build_test_fold(clicks)
    answers = fold.queries.select("query", "user").join(truth, on="user", maintain_order="left")
    return Fold(fold.history, fold.queries, fold.seen, answers.select("query", "item"))


def offline_fold(clicks: pl.DataFrame, seed: int) -> Fold:
    """The second place's split."""
    rows = clicks.filter(~pl.col("is_test")).sample(fraction=OFFLINE_SHARE, seed=seed)
    last = split.find_targets(clicks).filter(pl.col("is_last") & ~pl.col("is_test"))
    drawn = last.join(rows.select("user"), on="user", how="semi").sort("user").with_row_index("query")
    chosen = drawn.with_columns(pl.col("query").cast(pl.Int32))
    seen = split.own_past(clicks, chosen)
    queries = split.add_context(chosen.select("query", "user"), seen)
    return Fold(split.cut_history(clicks, chosen), queries, seen, chosen.select("query", "item"))


def compare(folds: dict[str, Fold], seed: int) -> list[dict[str, Any]]:
    """One row per mark: method, fold, metric, mark, score here, and their ratio."""
    rows = []
    for method in track(METHODS, "public methods"):
        for name, fold in folds.items():
            marks = {metric: mark for key, at, metric, mark in MARKS if (key, at) == (method.key, name)}
            if not marks or fold.answers is None:
                continue
            lists = method.rank(fold, seed)
            ranked = lists.with_columns(rank=pl.int_range(pl.len(), dtype=pl.Int64).over("query") + 1)
            scores = as_dict(evaluate_ranks(ranked, fold.answers, (5, 50)))
            for metric, mark in marks.items():
                score = scores[metric]
                figures = {"mark": mark, "score": round(score, 4), "ratio": round(score / mark, 2)}
                rows.append({"method": method.title, "fold": name, "metric": metric, **figures})
    return rows


if __name__ == "__main__":
    main()
