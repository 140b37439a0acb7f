"""Template: the declaration that the command line and the contract tests read."""

from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from common.simulation.demo import simulate_log
from common.simulation.writer import Simulation
from competitions.template import submission
from competitions.template.config import BLOCKS, TemplateConfig, check_names
from competitions.template.day.blend import BLENDING
from competitions.template.day.judged import judge, score_truth
from competitions.template.io import reader
from competitions.template.pipeline import solve, validate
from competitions.template.split import ANSWERS


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Raw files in the host's layout, to try the pipeline on: host's sizes, the truth, the best possible score."""
    return simulate_log(out, (reader.EVENTS, reader.USERS), scale, seed, submission.METRIC, ANSWERS)


COMPETITION = Competition(
    name="template",
    kind="one",  # several: "several",
    folder=Path(__file__).parent,
    config=TemplateConfig,
    host=HostFiles(Path("data/template/raw"), "*.csv", "the host's files", 0.02, simulate),
    metric=submission.METRIC.upper(),
    queries="validation users",
    locate=lambda raw, _: reader.locate(raw),
    solve=solve,
    validate=validate,
    judge=judge,
    score_truth=score_truth,
    check=submission.check_submission,
    score=lambda path, truth, _: submission.score_submission(path, truth),
    check_names=check_names,
    blocks=("rank.blocks", lambda: BLOCKS),
    blending=BLENDING,
)
