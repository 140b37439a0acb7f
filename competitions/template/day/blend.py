"""What a blend takes of a run, and how it answers."""

from functools import partial
from pathlib import Path

import polars as pl

from common.day.blend import Blending, earn_by
from common.io.submission import write_whole
from common.learning.metrics import reciprocal_ranks
from competitions.template import split, submission
from competitions.template.io import reader
from competitions.template.pipeline import Outcome


def list_test(outcome: Outcome) -> pl.DataFrame:
    """A row a candidate of a user to answer for."""
    users = outcome.test.value.queries.select("query", "user")
    listed = outcome.scored.value.join(users, on="query", maintain_order="left")
    return listed.select("item", "score", query="user")


def answer(candidates: pl.DataFrame, files: reader.RawFiles, folder: Path) -> list[Path]:
    """The submission of scored candidates."""
    events = reader.read_events(files.events)
    fold = split.list_queries(events, reader.read_users(files.users, events))
    users = fold.queries.select("query", "user")
    scored = candidates.rename({"query": "user"}).join(users, on="user", maintain_order="left")
    return [write_whole(folder / "submission.csv", submission.recommend(fold, scored).write_csv)]


BLENDING = Blending(list_test=list_test, earn=earn_by(partial(reciprocal_ranks, k=submission.LENGTH)), answer=answer)
