"""Template: the declaration that the command line and the contract tests read."""

from functools import partial
from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from common.day.rows import RowTask
from common.simulation.demo import simulate_rows
from competitions.template.rows import submission
from competitions.template.rows.config import BLOCKS, MODEL, TemplateConfig, check_names
from competitions.template.rows.io import reader
from competitions.template.rows.pipeline import solve, validate

# Plain orders of the same rows, as the report calls them.
RULES = {"Rate of the item": ("rate_item_rate", 1.0), "Rate of the user": ("rate_user_rate", 1.0)}


SIMULATE = partial(simulate_rows, (reader.TRAIN, reader.TEST))  # to try the pipeline on
TASK = RowTask(MODEL, submission.FILE, RULES)
COMPETITION = Competition(
    name="template",
    kind="rows",
    folder=Path(__file__).parent,
    config=TemplateConfig,
    host=HostFiles(Path("data/template/raw"), "*.csv", "the host's files", 0.02, SIMULATE),
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
