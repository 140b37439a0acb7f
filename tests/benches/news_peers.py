"""News beside the design of a public second place: ``python -m tests.benches.news_peers [--scale 0.2]``.

Its published parts, in the words of this workspace: item CF of the last two clicks retrieves fifty articles a user;
a LightGBM classifier on a dozen plain columns ranks them, five folds of users averaged, learned from the last clicks of
the users of 50,000 random rows. Its bi-network and its word2vec vectors are left out. The
co-visitation is counted by ``count_covisits`` in place of dictionaries, so that the peer's seconds are fewer than the
public code's.
"""

from pathlib import Path

import lightgbm
import numpy as np
import polars as pl

from common.learning.dataset import to_matrix
from common.learning.split import Fold
from common.time_units import HOUR_MS
from competitions.news import submission
from competitions.news.io import reader
from competitions.news.lab.neighbours import list_by_last_two
from competitions.news.split import build_test_fold
from tests.benches.news_public import offline_fold
from tests.benches.peers import Peer, race

FOLDS, ROUNDS, PATIENCE = 5, 2_000, 100
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 64,
    "max_depth": 10,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.8,
    "lambda_l1": 0.5,
    "lambda_l2": 0.5,
    "verbosity": -1,
    "deterministic": True,
}


def recommend(raw: Path, path: Path) -> None:
    """Raw files to a submission."""
    files = reader.locate(raw)
    articles = reader.read_articles(files.articles).frame
    clicks = reader.read_clicks(files.train, files.tests, files.target, articles).frame
    labelled, test = offline_fold(clicks, 0), build_test_fold(clicks)
    assert labelled.answers is not None
    known, wanted = (describe(fold, articles) for fold in (labelled, test))
    answers = labelled.answers.with_columns(label=1.0)
    labels = known.join(answers, on=["query", "item"], how="left", maintain_order="left")["label"].fill_null(0.0)
    scores = pl.Series(rank(known, labels.to_numpy(), wanted))
    lists = submission.recommend(test, wanted.select("query", "item", score=scores), articles)
    submission.write_submission(lists, path)


def describe(fold: Fold, articles: pl.DataFrame) -> pl.DataFrame:
    """The fifty candidates of each query with their columns: of the article, of the user's clicks, of both."""
    about = articles.select("item", "category", "words", "created")
    own = fold.seen.join(about, on="item", maintain_order="left")
    users = own.group_by("query").agg(
        user_clicks=pl.len(),
        words_mean=pl.col("words").mean(),
        last_words=pl.col("words").filter(pl.col("back") == 0).first(),
        last_created=pl.col("created").filter(pl.col("back") == 0).first(),
    )
    times = fold.queries.select("query", "time")
    of_category = own.group_by("query", "category").agg(category_clicks=pl.len())
    popular = fold.history.group_by("item").agg(item_clicks=pl.len())
    lists = list_by_last_two(fold, articles, 0).with_columns(
        position=pl.int_range(pl.len(), dtype=pl.Int32).over("query")
    )
    rows = lists.join(about, on="item").join(popular, on="item").join(users, on="query").join(times, on="query")
    rows = rows.join(of_category, on=["query", "category"], how="left").sort("query", "position")
    return rows.with_columns(
        pl.col("category_clicks").fill_null(0),
        age=(pl.col("time") - pl.col("created")) / HOUR_MS,
        younger=(pl.col("created") - pl.col("last_created")) / HOUR_MS,
        words_apart=(pl.col("words") - pl.col("words_mean")).abs(),
        last_words_apart=(pl.col("words") - pl.col("last_words")).abs(),
    ).drop("time", "created", "last_created", "last_words")


def rank(known: pl.DataFrame, labels: np.ndarray, wanted: pl.DataFrame) -> np.ndarray:
    """The mean over the folds of the probabilities (rows of ``wanted``,)."""
    features, served = (to_matrix(rows.drop("query", "item")) for rows in (known, wanted))
    fold, total = known["query"].to_numpy() % FOLDS, np.zeros(len(served))
    for held in range(FOLDS):
        train, stop = (lightgbm.Dataset(features[part], labels[part]) for part in (fold != held, fold == held))
        quiet = lightgbm.early_stopping(PATIENCE, verbose=False)
        model = lightgbm.train(PARAMETERS | {"seed": held}, train, ROUNDS, valid_sets=[stop], callbacks=[quiet])
        total += np.asarray(model.predict(served), np.float64) / FOLDS
    return total


WAYS: dict[str, Peer] = {"item CF and LightGBM, a public second place": recommend}

if __name__ == "__main__":
    race("tests.benches.news_peers", "news", WAYS, submission.score_queries)
