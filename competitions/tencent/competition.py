"""Tencent: the declaration that the command line and the contract tests read."""

from functools import partial
from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles, Writer
from common.engine.resources import MemoryNeed
from common.io.submission import Checked
from competitions.tencent import submission
from competitions.tencent.config import TencentConfig
from competitions.tencent.day.blend import BLENDING
from competitions.tencent.day.judged import METRIC, judge, score_truth
from competitions.tencent.features.pair_features import BLOCKS
from competitions.tencent.io import reader
from competitions.tencent.io.schema import CANDIDATES, PREDICT_SEQUENCES
from competitions.tencent.pipeline import solve, validate
from competitions.tencent.plan import check_names
from competitions.tencent.simulator.calibration import describe
from competitions.tencent.simulator.simulate import VERSION, simulate


def explain_cv_only(files: reader.RawFiles) -> str | None:
    """Without predict files there are no queries."""
    if files.has_queries:
        return None
    return f"{PREDICT_SEQUENCES} and {CANDIDATES} are not in the files: there are no queries to answer."


def check(path: Path, files: reader.RawFiles) -> Checked:
    """Refuse a submission that breaks a rule."""
    return submission.check_submission(path, reader.read_corpus(files))


def score(path: Path, truth: Path, files: reader.RawFiles | None) -> dict[str, float]:
    """Every metric of a submission; the raw files, where given, are checked to be its own. A truth with actions is
    weighted by them, as config.toml says.
    """
    corpus = None if files is None else reader.read_corpus(files)
    return submission.score_submission(path, truth, corpus, COMPETITION.load_config(tuned=False).host.weights)


LAWS: dict[str, Writer] = {"round1": simulate, "round2": partial(simulate, round_two=True)}
# Peaks of whole runs, see FIGURES.md.
NEED = MemoryNeed(((0.0, 0.6), (0.01, 2.0), (0.1, 5.6), (1.0, 14.2)), raw_gib=1.9)

COMPETITION = Competition(
    name="tencent",
    folder=Path(__file__).parent,
    config=TencentConfig,
    host=HostFiles(
        Path("data/tencent/raw"), "[!.]*", "the host's files", 0.01, simulate, LAWS, need=NEED, version=VERSION
    ),
    metric=METRIC,
    queries="users",
    locate=lambda raw, config: reader.locate(raw),
    explain_cv_only=explain_cv_only,
    validate=validate,
    solve=solve,
    judge=judge,
    score_truth=score_truth,
    check=check,
    score=score,
    check_names=check_names,
    blocks=("ranker.features.blocks", lambda: BLOCKS),
    describe=describe,
    blending=BLENDING,
)
