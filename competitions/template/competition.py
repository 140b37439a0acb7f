"""Template: the declaration that the command line and the contract tests read."""

from functools import partial
from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from common.day.lists import ListTask
from common.simulation.demo import simulate_log
from competitions.template import submission
from competitions.template.config import BLOCKS, MODEL, TemplateConfig, check_names
from competitions.template.io import reader
from competitions.template.pipeline import solve, validate
from competitions.template.split import ANSWERS

DAYS = 3  # several: 10  # that the host asks for, behind the log
# Plain orders of the same candidates, as the report calls them.
RULES = {"Popularity: events of an item": ("item_all", 1.0), "The order of retrieval": ("channel_fusion", 1.0)}
FILES = reader.EVENTS, reader.USERS
SIMULATE = partial(simulate_log, FILES, submission.METRIC, ANSWERS, DAYS)  # to try the pipeline on
TASK = ListTask(submission.METRIC, MODEL, submission.FILE, RULES)
COMPETITION = Competition(
    name="template",
    kind="one",  # several: "several",
    folder=Path(__file__).parent,
    config=TemplateConfig,
    host=HostFiles(Path("data/template/raw"), "*.csv", "the host's files", 0.02, SIMULATE),
    metric=submission.METRIC.upper(),
    queries="validation users",
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
