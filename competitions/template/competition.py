"""Template: the declaration that the command line and the contract tests read."""

from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from competitions.template import submission
from competitions.template.config import TemplateConfig
from competitions.template.day.blend import BLENDING
from competitions.template.day.judged import METRIC, judge, score_truth
from competitions.template.io import reader
from competitions.template.pipeline import solve, validate
from competitions.template.simulator.simulate import simulate

COMPETITION = Competition(
    name="template",
    folder=Path(__file__).parent,
    config=TemplateConfig,
    host=HostFiles(Path("data/template/raw"), "*.csv", "the host's files", 0.02, simulate),
    metric=METRIC,
    queries="validation users",
    locate=lambda raw, _: reader.locate(raw),
    solve=solve,
    validate=validate,
    judge=judge,
    score_truth=score_truth,
    check=submission.check_submission,
    score=lambda path, truth, _: submission.score_submission(path, truth),
    blending=BLENDING,
)
