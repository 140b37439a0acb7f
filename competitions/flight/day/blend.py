"""What a blend takes of a flight run, and how it answers."""

from pathlib import Path

import polars as pl

from common.day.blend import Blending, earn_by
from competitions.flight import submission
from competitions.flight.io.parquet import open_source
from competitions.flight.io.reader import RawFiles
from competitions.flight.pipeline import Outcome
from competitions.flight.ranking.blending import find_hits


def list_test(outcome: Outcome) -> pl.DataFrame:
    """A row an option of a test session, by its Id; those of a session by their position on the page."""
    test, ids = outcome.test.value, open_source(outcome.files.test, labelled=False).column("Id")
    return pl.DataFrame(
        {
            "query": test.sessions["ranker_id"].gather(test.options["session"]).cast(pl.String),
            "item": ids.gather(test.options["row"]),
            "score": pl.Series(outcome.submitted.value, dtype=pl.Float32),
        }
    )


def answer(candidates: pl.DataFrame, files: RawFiles, folder: Path) -> tuple[Path, Path]:
    """The submission of scored options; equal ones by their position on the page."""
    rank = pl.col("score").rank("ordinal", descending=True).over("query")
    rows = open_source(files.test, labelled=False).collect(pl.col("Id").alias("item"))
    ranked = rows.join(candidates.select("item", rank=rank), on="item", how="left", maintain_order="left")
    return submission.write_submission(ranked["rank"], files.test, folder)


BLENDING = Blending(
    list_test=list_test, earn=earn_by(find_hits), answer=answer, lists=("query", "round"), query="search"
)
