"""News: the declaration that the command line and the contract tests read."""

from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from common.engine.resources import MemoryNeed
from competitions.news import submission
from competitions.news.config import NewsConfig
from competitions.news.day.blend import BLENDING
from competitions.news.day.judged import METRIC, judge, score_truth
from competitions.news.io import reader
from competitions.news.pipeline import solve, validate
from competitions.news.plan import check_names, list_blocks
from competitions.news.simulator.calibration import describe
from competitions.news.simulator.simulate import VERSION, simulate


def locate(raw: Path, config: NewsConfig) -> reader.RawFiles:
    """The organiser's files in a folder."""
    return reader.locate(raw, config.board)


def score(path: Path, truth: Path, files: reader.RawFiles | None) -> dict[str, float]:
    """Every metric of a submission; the raw files are not needed."""
    return submission.score_submission(path, truth)


# Peaks of whole runs, see FIGURES.md.
NEED = MemoryNeed(((0.0, 0.4), (0.04, 2.2), (1.0, 5.6)), raw_gib=1.0)

COMPETITION = Competition(
    name="news",
    folder=Path(__file__).parent,
    config=NewsConfig,
    host=HostFiles(
        Path("data/news/raw"),
        "**/*.csv*",
        "Tianchi's files (entrance 531842)",
        0.04,
        simulate,
        need=NEED,
        version=VERSION,
    ),
    metric=METRIC,
    queries="validation users",
    locate=locate,
    validate=validate,
    solve=solve,
    judge=judge,
    score_truth=score_truth,
    check=submission.check_submission,
    score=score,
    check_names=check_names,
    blocks=("rank.blocks", list_blocks),
    describe=describe,
    blending=BLENDING,
)
