"""Template: the declaration that the command line and the contract tests read."""

from pathlib import Path

import polars as pl

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from common.day.rows import RowTask
from common.simulation.demo import simulate_rows
from common.simulation.writer import Simulation
from competitions.template.rows import submission
from competitions.template.rows.config import BLOCKS, MODEL, TemplateConfig, check_names
from competitions.template.rows.io import reader
from competitions.template.rows.pipeline import solve, validate

# Plain orders of the same rows, as the report calls them.
RULES = {"Rate of the item": ("rate_item_rate", 1.0), "Rate of the user": ("rate_user_rate", 1.0)}


def slice_rows(fold: pl.DataFrame) -> pl.DataFrame:
    """By what the report tells rows apart (text); those of a user rise and fall together."""
    known = pl.when(pl.col("label").count().over("user") < 10).then(pl.lit("0-9")).otherwise(pl.lit("10 or more"))
    return fold.select("query", cluster="user", labelled=known)


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Raw files in the host's layout, to try the pipeline on, with the truth and the best possible score."""
    return simulate_rows(out, (reader.TRAIN, reader.TEST), scale, seed)


TASK = RowTask(MODEL, submission.FILE, RULES, slice_rows)
COMPETITION = Competition(
    name="template",
    kind="rows",
    folder=Path(__file__).parent,
    config=TemplateConfig,
    host=HostFiles(Path("data/template/raw"), "*.csv", "the host's files", 0.02, simulate),
    metric="AUC",
    queries="validation rows",
    locate=lambda raw, _: reader.locate(raw),
    solve=solve,
    validate=validate,
    judge=TASK.judge,
    score_truth=TASK.score_truth,
    check=submission.check_submission,
    score=TASK.score,
    check_names=check_names,
    blocks=("rank.blocks", lambda: BLOCKS),
    blending=TASK.blending,
)
