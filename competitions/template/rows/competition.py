"""Template: the declaration that the command line and the contract tests read."""

from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from common.simulation.demo import simulate_rows
from common.simulation.writer import Simulation
from competitions.template.rows import submission
from competitions.template.rows.config import BLOCKS, TemplateConfig, check_names
from competitions.template.rows.day.blend import BLENDING
from competitions.template.rows.day.judged import judge, score_truth
from competitions.template.rows.io import reader
from competitions.template.rows.pipeline import solve, validate


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Raw files in the host's layout, to try the pipeline on: host's sizes, the truth, the best possible score."""
    return simulate_rows(out, (reader.TRAIN, reader.TEST), scale, seed)


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
    judge=judge,
    score_truth=score_truth,
    check=submission.check_submission,
    score=lambda path, truth, _: submission.score_submission(path, truth),
    check_names=check_names,
    blocks=("rank.blocks", lambda: BLOCKS),
    blending=BLENDING,
)
