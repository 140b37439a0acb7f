"""Flight: the declaration that the command line and the contract tests read."""

from pathlib import Path

from common.competition import Competition
from common.day.hosts.simulated import HostFiles
from common.engine.resources import MemoryNeed
from competitions.flight.config import FlightConfig
from competitions.flight.day.blend import BLENDING
from competitions.flight.day.judged import METRIC, judge, score_truth
from competitions.flight.io import reader
from competitions.flight.pipeline import solve, validate
from competitions.flight.plan import check_names, list_known_blocks
from competitions.flight.simulator.simulate import VERSION, simulate
from competitions.flight.submission import check_submission, score_submission

# Peaks of whole runs, see FIGURES.md.
NEED = MemoryNeed(((0.0, 0.4), (0.05, 1.0), (1.0, 7.1)), raw_gib=0.73)

COMPETITION = Competition(
    name="flight",
    folder=Path(__file__).parent,
    config=FlightConfig,
    host=HostFiles(
        Path("data/flight/raw"),
        "*.parquet",
        "Kaggle's files (aeroclub-recsys-2025)",
        0.05,
        simulate,
        need=NEED,
        version=VERSION,
    ),
    metric=METRIC,
    queries="searches of more than 10 options",
    locate=lambda raw, _: reader.locate(raw),
    validate=validate,
    solve=solve,
    judge=judge,
    score_truth=score_truth,
    check=check_submission,
    score=score_submission,
    check_names=check_names,
    blocks=("rank.blocks", list_known_blocks),
    blending=BLENDING,
)
