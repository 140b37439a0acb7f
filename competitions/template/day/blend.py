"""What a blend takes of a run, and how it answers."""

from pathlib import Path

import polars as pl

from common.day.blend import Blending
from common.day.lists import earn_lists
from common.io.submission import write_whole
from competitions.template import submission
from competitions.template.io import reader
from competitions.template.pipeline import Outcome


def list_test(outcome: Outcome) -> pl.DataFrame:
    """A row a candidate of a user to answer for."""
    users = outcome.test.value.queries.select("query", "user")
    listed = outcome.scored.value.join(users, on="query", maintain_order="left")
    return listed.select("item", "score", query="user")


def answer(candidates: pl.DataFrame, files: reader.RawFiles, folder: Path) -> list[Path]:
    """The submission of scored candidates, whose query is a user."""
    users = candidates.select("query", user="query").unique()
    return [write_whole(folder / "submission.csv", submission.fill_lists(users, candidates).write_csv)]


BLENDING = Blending(list_test=list_test, earn=earn_lists(submission.METRIC), answer=answer, labels=("label", "answers"))
