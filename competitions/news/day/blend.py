"""What a blend takes of a news run, and how it answers."""

from functools import partial
from pathlib import Path

import polars as pl

from common.day.blend import Blending, earn_by
from common.learning.metrics import reciprocal_ranks
from competitions.news import submission
from competitions.news.io import reader
from competitions.news.pipeline import Outcome
from competitions.news.ranking import CUTOFF
from competitions.news.split import build_test_fold


def list_test(outcome: Outcome) -> pl.DataFrame:
    """A row a candidate article of a test user."""
    users = outcome.test.inputs.fold.value.queries.select("query", "user")
    listed = outcome.predictions.value.join(users, on="query", maintain_order="left")
    return listed.select("item", pl.col("score").cast(pl.Float32), query="user")


def answer(candidates: pl.DataFrame, files: reader.RawFiles, folder: Path) -> list[Path]:
    """The submission of scored candidates."""
    articles = reader.read_articles(files.articles).frame
    test = build_test_fold(reader.read_clicks(files.train, files.tests, files.target, articles).frame)
    users = test.queries.select("query", "user")
    predictions = candidates.rename({"query": "user"}).join(users, on="user", maintain_order="left")
    lists = submission.recommend(test, predictions, articles)
    return [submission.write_submission(lists, folder / "submission.csv")]


BLENDING = Blending(list_test=list_test, earn=earn_by(partial(reciprocal_ranks, k=CUTOFF)), answer=answer)
