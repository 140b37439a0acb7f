"""What a blend takes of a run, and how it answers."""

from pathlib import Path

import polars as pl

from common.day.blend import Blending, earn_by
from common.io.submission import write_whole
from common.learning.metrics import score_auc
from competitions.template.rows import submission
from competitions.template.rows.io import reader
from competitions.template.rows.pipeline import Outcome


def list_test(outcome: Outcome) -> pl.DataFrame:
    """The rows to answer for with their log odds, each a list of its own."""
    return outcome.scored.value.select("query", "score", item=pl.lit(1))


def answer(rows: pl.DataFrame, files: reader.RawFiles, folder: Path) -> list[Path]:
    """The submission of scored rows."""
    return [write_whole(folder / "submission.csv", submission.fill_rows(rows).write_csv)]


BLENDING = Blending(
    list_test=list_test, earn=earn_by(lambda scores, labels, sizes: score_auc(labels, scores)), answer=answer
)
