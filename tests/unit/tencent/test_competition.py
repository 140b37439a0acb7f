"""What the command line does for Tencent: which files, what is simulated, checked and scored, and what is printed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.day.hosts.simulated import REPORT
from competitions.tencent import submission as submissions
from competitions.tencent.competition import COMPETITION
from competitions.tencent.day.judged import score_truth
from competitions.tencent.ids import Oids
from competitions.tencent.io import schema
from tests.conftest import Call
from tests.unit.tencent.tencent_files import BASE, WORLD, World, write_competition

NAMES = np.array([WORLD.users[rid - 1].encode() for rid in sorted(WORLD.events, reverse=True)])  # as they are asked
MANY = World(candidates=tuple((BASE + place, {"100": 1}) for place in range(20)))
ADS = BASE + np.array([[*range(10)], [*range(10, 20)]])


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """A valid submission beside the raw files that it answers, and the truth."""
    write_competition(tmp_path / "raw", MANY)
    (tmp_path / schema.TRUTH).write_text(f"user,creative_id\n{NAMES[0].decode()},{BASE + 1}\n")
    return submissions.write_submissions(NAMES, Oids(ADS.reshape(-1)), tmp_path)[0]


def test_the_submission_is_scored_on_the_simulated_truth(submission: Path, tmp_path: Path) -> None:
    (tmp_path / REPORT).write_text(json.dumps({"oracle": {"score": 0.9}}))
    outcome: Any = SimpleNamespace(checked=[SimpleNamespace(path=submission)], config=COMPETITION.load_config([]))
    truth = score_truth(outcome, tmp_path)
    assert (truth.oracle, truth.scores["hit_rate@10"]) == (0.9, 1)
    assert truth.score == truth.scores["score"]


def test_a_run_that_is_refused_leaves_no_folder(call: Call, tmp_path: Path) -> None:
    folder = write_competition(tmp_path / "raw", MANY)
    words = ("run", "tencent", "--raw", folder, "--build", tmp_path / "build", "--set", "host.target=conversion")
    code, out, err = call(*words, "--set", "split.horizon_hours=1", "--set", "split.kind=time")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: No user has a conversion within split.horizon_hours = 1")
    assert [path.name for path in (tmp_path / "build" / "tencent").iterdir()] == ["cache"]
