"""The one test on real choices: the itineraries of the package larch, fetched, laid out, ranked, checked and scored.

Skipped where the package cannot be fetched. The wheel is kept in build/larch; nothing of it is installed or run.
"""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from common.day.hosts.public import MARKER
from competitions.flight.day.standin import convert
from tests.conftest import Call
from tests.contract.contract import ROOT

CACHE = ROOT / "build" / "larch"
FETCH_SECONDS = 60
# One model and few rounds: the aim is a path that works on real data, not the figure of the README. How to validate and
# from which features is left to the log.
SETTINGS = ('rank.models=["lightgbm_softmax"]', "rank.rounds=120", "rank.patience=20", "rank.seeds=1")
# Far from both: a ranker that works has .45, one that ranks at random .10, the standard error is .05.
FLOOR = 0.25
SCORED = 10  # sessions of more options count


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The wheel of larch, fetched once."""
    found = sorted(CACHE.glob("larch-*.whl"))
    if found:
        return found[-1]
    options = ["--no-deps", "--no-input", "--disable-pip-version-check", "--quiet", "--retries", "1", "--timeout", "15"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(CACHE), "larch>=6,<7"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"larch was not fetched within {FETCH_SECONDS} s: the test on real itineraries needs a network")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        pytest.skip(f"larch cannot be fetched ({reason}): the test on real itineraries needs a network")
    return sorted(CACHE.glob("larch-*.whl"))[-1]


@pytest.mark.nightly
def test_real_itineraries_are_ranked_far_better_than_at_random(wheel: Path, tmp_path: Path, call: Call) -> None:
    folder = tmp_path / "standin"
    dataset = convert(wheel, folder)
    assert dataset.rows == {"train sessions": 492, "train rows": 16029, "test sessions": 123, "test rows": 4115}
    assert (folder / MARKER).exists()
    assert not (folder / "simulation.json").exists()
    told = [word for setting in SETTINGS for word in ("--set", setting)]
    code, out, err = call("run", "flight", "--raw", folder, "--build", tmp_path / "build", *told)
    assert code == 0, out + err
    # Nobody comes back: folds of whole sessions validate, and say whether what others booked helps.
    (said,) = [line for line in err.splitlines() if line.startswith("  split.validation = ")]
    assert "5 folds of whole sessions, repeated 2 times" in said
    (record,) = (tmp_path / "build" / "flight").glob("*/run.json")
    plan = json.loads(record.read_text())["summary"]["plan"]
    assert plan[0]["value"] in said
    assert "no bookings -" in plan[-1]["why"]
    (submission,) = (tmp_path / "build" / "flight").glob("*/submission.csv")

    code, out, err = call("check", "flight", submission, "--raw", folder)
    assert code == 0, out + err
    code, out, err = call("score", "flight", submission, "--truth", folder / "truth.csv", "--raw", folder)
    assert code == 0, out + err
    scores = {words[0]: float(words[-1]) for line in out.splitlines() if len(words := line.split()) == 2}
    sizes = pl.read_parquet(folder / "test.parquet", columns=["ranker_id"]).group_by("ranker_id").len()["len"]
    scored = sizes.filter(sizes > SCORED)
    at_random = sum(3 / size for size in scored) / len(scored)
    assert scores["sessions"] == len(scored) == 105
    assert at_random == pytest.approx(0.10, abs=0.01)
    assert scores["hit_rate@3"] > FLOOR > 2 * at_random
