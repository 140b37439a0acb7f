"""The hold-out judges the chain: a last stage that knows nothing is not handed in, and the run says so."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.arrays import Floats
from common.learning import gbdt
from common.learning.dataset import Matrix
from competitions.mgtv.models import decision
from competitions.mgtv.models.dataset import DayFeatures
from competitions.tencent import metrics
from tests.conftest import Call
from tests.contract.contract import Contract, Finished, refusal, solve, words
from tests.contract.flight import FLIGHT
from tests.contract.mgtv import MGTV
from tests.contract.news import NEWS
from tests.contract.tencent import TENCENT

ONLY = (NEWS, FLIGHT, MGTV, TENCENT)
SETTINGS = {"news": "rank.answer", "flight": "rank.answer", "mgtv": "watch.answer", "tencent": "ranker.answer"}
LAST = {"news": "ranker", "flight": "blend", "mgtv": "expected score", "tencent": "ranker"}


def find_decision(finished: Finished, contract: Contract) -> dict[str, Any]:
    (row,) = [row for row in finished.summary["plan"] if row["setting"] == SETTINGS[contract.name]]
    return dict(row)


def draw_scores(ranker: gbdt.Ranker, features: Matrix) -> np.ndarray:
    return np.random.default_rng(len(features)).normal(size=len(features)) * 1e3


ORDER = decision.order_videos


def turn_round(day: DayFeatures, probabilities: Floats, rewards: decision.ExpectedReward, answer: str) -> Floats:
    values = ORDER(day, probabilities, rewards, answer)
    return -values if answer == decision.EXPECTED else values


# MGTV's planted rules know nothing either; there the last stage is below the one before it.
BROKEN = {"mgtv": (decision, "order_videos", turn_round)}


@pytest.mark.each_nightly
def test_the_better_order_of_a_plain_rule_is_handed_in(
    contract: Contract, finished: Finished, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_decision(finished, contract)["value"] == LAST[contract.name]
    with monkeypatch.context() as patch:
        patch.setattr(*BROKEN.get(contract.name, (gbdt, "_predict_one", draw_scores)))
        patch.setattr(metrics, "FEWEST_LEARNED", 1)  # tencent's planted log has few queries to learn from
        fallen = solve(call, contract, finished.raw, tmp_path / "build")
    row = find_decision(fallen, contract)
    assert row["value"] != LAST[contract.name]
    assert fallen.err.count(f"  {row['why']}\n") == 1
    assert f'The {LAST[contract.name]} is below "{row["value"]}" on the hold-out by ' in row["why"]
    # A sound run that is told to hand in that order writes the same file, and records the same score.
    setting = f'{SETTINGS[contract.name]}="{row["value"]}"'
    sound = Path(shutil.copytree(finished.build, tmp_path / "sound"))  # a last run of a rule could not be served
    chosen = solve(call, contract, finished.raw, sound, setting)
    for mine, same in zip(fallen.submissions, chosen.submissions, strict=True):
        assert mine.read_bytes() == same.read_bytes()
    assert fallen.record["cv"] == chosen.record["cv"]


def test_an_order_that_the_run_does_not_have_is_refused(contract: Contract, finished: Finished, call: Call) -> None:
    line = words(contract, finished.raw, finished.build, f"{SETTINGS[contract.name]}=coin")
    said = refusal(call(*line))
    # Flight's stages are its models, which a run knows; the others' are refused before anything is read.
    known = 'this run has no "coin"' if contract is FLIGHT else "cannot be 'coin': Expected one of 'auto'"
    assert SETTINGS[contract.name] in said
    assert known in said
    assert LAST[contract.name] in said
