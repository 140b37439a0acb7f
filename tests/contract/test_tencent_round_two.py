"""A simulated round 2 from the command line: simulate, run, check, score; the Score weighted by each user's action."""

import csv
import json
import math
from pathlib import Path

import pytest

from competitions.tencent.io.schema import CLICK, CONVERSION, TRUTH
from tests.conftest import Call
from tests.contract.tencent import TENCENT

WORDS = ("--law", "round2", "--scale", "0.001", "--seed", "3", "--build", "build")
SETTINGS = ("ranker.fit.rounds=60", "split.earlier=2", "ranker.list_length=50")


def weighted_score(submission: Path, truth: Path, actions: Path) -> tuple[float, dict[int, int]]:
    """The Score with the weights of the host's file of actions, in plain Python; users by action."""
    with submission.open() as answers, truth.open() as targets:
        ten = {user: ads for user, *ads in list(csv.reader(answers))[1:]}
        target = {row["user"]: row["creative_id"] for row in csv.DictReader(targets)}
    action = json.loads(actions.read_text())
    total = weights = 0.0
    users = {CLICK: 0, CONVERSION: 0}
    for user, ad in target.items():
        weight = {CLICK: 1.0, CONVERSION: 2.5}[action[user]]
        users[action[user]] += 1
        weights += weight
        if ad in ten[user]:
            total += weight * (0.31 + 0.69 / math.log2(ten[user].index(ad) + 2))
    return total / weights, users


@pytest.mark.nightly
def test_round_two_from_the_simulation_to_the_weighted_score(call: Call, tmp_path: Path) -> None:
    code, out, err = call("simulate", "tencent", *WORDS)
    assert (code, "-round2: " in out, "conversions in the truth" in out) == (0, True, True), out + err
    (raw,) = (tmp_path / "build/tencent/simulated").iterdir()
    options = [part for setting in SETTINGS for part in ("--set", setting)]
    code, out, err = call("run", "tencent", "--untuned", *WORDS, *options)
    assert code == 0, out + err
    assert "actions of the targets = given: user_action_type.json" in out + err
    (folder,) = (path.parent for path in (tmp_path / "build/tencent").glob("*/run.json"))
    record = json.loads((folder / "run.json").read_text())
    submission = folder / "submission.csv"
    assert call("check", "tencent", submission, "--raw", raw)[0] == 0
    expected, users = weighted_score(submission, raw / TRUTH, raw / "user_action_type.json")
    assert min(users.values()) > 20
    code, out, err = call("score", "tencent", submission, "--truth", raw / TRUTH)
    assert (code, err) == (0, "")
    scores = {name: float(value) for name, value in (line.rsplit(maxsplit=1) for line in out.splitlines())}
    assert scores["score"] == pytest.approx(expected, abs=5e-5)
    assert record["truth"]["score"] == pytest.approx(expected)
    # The oracle's figure is of the same kind: above the run's, below what is possible.
    assert expected < record["truth"]["oracle"] < 1.0
    assert expected > TENCENT.ceiling / 2
    decided = {row["setting"]: row["value"] for row in record["summary"]["plan"]}
    assert decided["actions of the targets"] == "given"
