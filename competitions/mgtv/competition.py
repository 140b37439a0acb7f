"""MGTV: the declaration that the command line and the contract tests read."""

from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from common.engine.resources import MemoryNeed
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.day.blend import BLENDING
from competitions.mgtv.day.judged import METRIC, judge, score_truth
from competitions.mgtv.io import reader
from competitions.mgtv.pipeline import solve, validate
from competitions.mgtv.plan import check_names, list_blocks
from competitions.mgtv.simulator.simulate import VERSION, simulate
from competitions.mgtv.submission import check_submission, score_submission

# Peaks of whole runs (1.5 GiB, and 4.7 by extrapolation, see LOG.md), and a fifth more.
NEED = MemoryNeed(((0.0, 0.5), (0.02, 1.8), (1.0, 5.6)), raw_gib=3.7)

COMPETITION = Competition(
    name="mgtv",
    folder=Path(__file__).parent,
    config=MgtvConfig,
    host=HostFiles(
        Path("data/mgtv/raw"), "**/vid_info*", "the host's folders", 0.02, simulate, need=NEED, version=VERSION
    ),
    metric=METRIC,
    queries="devices and days",
    locate=lambda raw, config: reader.locate(raw, config.host),
    validate=validate,
    solve=solve,
    judge=judge,
    score_truth=score_truth,
    check=check_submission,
    score=score_submission,
    check_names=check_names,
    blocks=("features.blocks", list_blocks),
    blending=BLENDING,
)
