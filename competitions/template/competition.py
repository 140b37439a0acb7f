"""Template: the declaration that the command line and the contract tests read."""

from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from competitions.template import submission
from competitions.template.config import TemplateConfig
from competitions.template.day.judged import METRIC, judge, score_truth
from competitions.template.day.ladder import climb
from competitions.template.io import reader
from competitions.template.pipeline import solve, validate
from competitions.template.simulator.simulate import Simulation, describe, simulate


def locate(raw: Path, config: TemplateConfig) -> reader.RawFiles:
    """The organiser's files in a folder."""
    return reader.locate(raw)


def score(path: Path, truth: Path, files: reader.RawFiles | None) -> dict[str, float]:
    """Every metric of a submission."""
    return submission.score_submission(path, truth)


def describe_oracle(simulation: Simulation) -> str:
    """What the oracle scores on a simulated set."""
    return f"oracle MRR@5 {simulation.oracle.mrr5:.4f} +- {simulation.oracle.mrr5_se:.4f}"


COMPETITION = Competition(
    name="template",
    folder=Path(__file__).parent,
    config=TemplateConfig,
    host=HostFiles(Path("data/template/raw"), "*.csv", "the host's files", 0.02, simulate),
    metric=METRIC,
    queries="validation users",
    locate=locate,
    solve=solve,
    validate=validate,
    judge=judge,
    score_truth=score_truth,
    check=submission.check_submission,
    score=score,
    climb=climb,
    describe=describe,
    describe_oracle=describe_oracle,
)
