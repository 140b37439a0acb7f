"""What the command line does for Tencent: which files, what is simulated, checked and scored, and what is printed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.datasets.simulated import REPORT
from common.errors import UserError
from common.pipeline import progress
from competitions.tencent import competition
from competitions.tencent import submission as submissions
from competitions.tencent.ids import Oids
from competitions.tencent.io import schema
from tests.conftest import Call
from tests.unit.tencent.tencent_files import BASE, WORLD, World, write_competition

NAMES = np.array([WORLD.users[rid - 1].encode() for rid in sorted(WORLD.events, reverse=True)])  # as they are asked
MANY = World(candidates=tuple((BASE + number, {"100": 1}) for number in range(20)))
ADS = BASE + np.array([[*range(10)], [*range(10, 20)]])


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Path, float, int]]:
    """What is simulated, in an empty folder: a report is all that is written."""
    calls: list[tuple[Path, float, int]] = []

    def write(folder: Path, scale: float, seed: int) -> None:
        calls.append((folder, scale, seed))
        folder.mkdir(parents=True)
        (folder / REPORT).write_text("{}")

    monkeypatch.setattr(competition, "write_simulation", write)
    monkeypatch.chdir(tmp_path)
    progress.set_quiet(False)  # as in a fresh process; another test may have asked for quiet
    return calls


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """A valid submission beside the raw files that it answers, and the truth."""
    write_competition(tmp_path / "raw", MANY)
    (tmp_path / schema.TRUTH).write_text(f"user,creative_id\n{NAMES[0].decode()},{BASE + 1}\n")
    return submissions.write_submissions(NAMES, Oids(ADS.reshape(-1)), tmp_path)[0]


# --- which files ---


def test_the_folder_that_is_named_is_taken(made: list[Any], tmp_path: Path) -> None:
    assert competition.choose_raw(tmp_path / "mine", None, 0, Path("build")) == tmp_path / "mine"
    with pytest.raises(UserError, match="RAW and SCALE exclude each other"):
        competition.choose_raw(tmp_path / "mine", 0.1, 0, Path("build"))
    assert made == []


def test_without_files_a_set_is_simulated_once_and_said_so(made: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    build = Path("build")
    first, again = (competition.choose_raw(None, 0.05, 3, build) for _ in range(2))
    assert first == again == build / "simulated" / "scale0.05-seed3"
    assert made == [(first, 0.05, 3)]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for expected_part in ("SIMULATED data, scale 0.05, seed 3", str(competition.HOST_FOLDER), "README"):
        assert expected_part in lines[0]


@pytest.mark.parametrize("name", [f"train/{schema.SEQUENCES}", "seq/train-00000-of-00001.parquet"])
def test_the_hosts_files_of_either_layout_go_before_a_simulation(made: list[Any], name: str) -> None:
    path = competition.HOST_FOLDER / name
    path.parent.mkdir(parents=True)
    path.write_text("")
    assert competition.choose_raw(None, None, 0, Path("b")) == competition.HOST_FOLDER
    competition.choose_raw(None, 0.5, 0, Path("b"))
    assert [scale for _, scale, _ in made] == [0.5]


def test_the_default_scale_is_simulated_where_nothing_is_named(made: list[Any]) -> None:
    competition.choose_raw(None, None, 0, Path("b"))
    assert [scale for _, scale, _ in made] == [competition.DEFAULT_SCALE]


# --- check and score ---


def test_a_valid_submission_is_said_to_be_valid_by_every_rule(submission: Path, call: Call, tmp_path: Path) -> None:
    for name in submissions.NAMES:
        code, out, err = call("check", "tencent", tmp_path / name, "--raw", tmp_path / "raw")
        assert (code, err) == (0, "")
        assert f"{tmp_path / name}: 2 rows, valid" in out
        assert [rule for rule in submissions.RULES if rule not in out] == []


def test_a_broken_one_ends_in_one_sentence(submission: Path, call: Call, tmp_path: Path) -> None:
    submission.write_text(submission.read_text().replace(f"{BASE + 19}", "19"))
    code, out, err = call("check", "tencent", submission, "--raw", tmp_path / "raw")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert submissions.KNOWN in err
    truth = tmp_path / schema.TRUTH
    assert call("score", "tencent", submission, "--truth", truth)[0] == 0
    assert call("score", "tencent", submission, "--truth", truth, "--raw", tmp_path / "raw")[0] == 1


def test_the_score_is_printed_by_metric(submission: Path, call: Call, tmp_path: Path) -> None:
    code, out, err = call("score", "tencent", submission, "--truth", tmp_path / schema.TRUTH)
    assert (code, err) == (0, "")
    scores = {name: float(value) for name, value in (line.split() for line in out.splitlines())}
    expected = 1 / np.log2(3)
    assert scores["hit_rate@10"] == 1
    assert scores["ndcg@10"] == pytest.approx(expected, abs=1e-4)
    assert scores["score"] == pytest.approx(0.31 + 0.69 * expected, abs=1e-4)
    assert scores["users"] == 1


def test_the_truth_counts_where_the_simulator_wrote_it_and_nowhere_else(submission: Path, tmp_path: Path) -> None:
    assert competition.score_file(tmp_path, submission) is None  # a truth file of somebody else's
    (tmp_path / REPORT).write_text(json.dumps({"oracle": {"score": 0.9}}))
    scored = competition.score_file(tmp_path, submission)
    assert scored is not None
    assert scored["oracle"] == {"score": 0.9}
    assert scored["scores"]["hit_rate@10"] == 1


# --- run ---


def test_a_run_that_is_refused_leaves_no_folder(call: Call, tmp_path: Path) -> None:
    folder = write_competition(tmp_path / "raw", MANY)
    arguments = ("run", "tencent", "--raw", folder, "--build", tmp_path / "build", "--set", "host.target=conversion")
    code, out, err = call(*arguments, "--set", "split.horizon_hours=1")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: No user has a conversion within split.horizon_hours = 1")
    assert [path.name for path in (tmp_path / "build" / "tencent").iterdir()] == ["cache"]
