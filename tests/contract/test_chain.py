"""The hold-out judges the chain: a last stage that knows nothing is not handed in, and the run says so."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from competitions.tencent import metrics
from tests.conftest import Call
from tests.contract.contract import Chain, Contract, Finished, refusal, require, solve, words


def find_decision(finished: Finished, chain: Chain) -> dict[str, Any]:
    (row,) = [row for row in finished.summary["plan"] if row["setting"] == chain.setting]
    return dict(row)


@pytest.mark.each_nightly
def test_the_better_order_of_a_plain_rule_is_handed_in(
    contract: Contract, finished: Finished, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = require(contract, contract.chain, "chain")
    assert find_decision(finished, chain)["value"] == chain.last
    with monkeypatch.context() as patch:
        patch.setattr(*chain.broken)
        patch.setattr(metrics, "FEWEST_LEARNED", 1)  # tencent's planted log has few queries to learn from
        fallen = solve(call, contract, finished.raw, tmp_path / "build")
    row = find_decision(fallen, chain)
    assert row["value"] != chain.last
    assert fallen.err.count(f"  {row['why']}\n") == 1
    assert f'The {chain.last} is below "{row["value"]}" on the hold-out by ' in row["why"]
    # A sound run that is told to hand in that order writes the same file, and records the same score.
    setting = f'{chain.setting}="{row["value"]}"'
    sound = Path(shutil.copytree(finished.build, tmp_path / "sound"))  # a last run of a rule could not be served
    chosen = solve(call, contract, finished.raw, sound, setting)
    for mine, same in zip(fallen.submissions, chosen.submissions, strict=True):
        assert mine.read_bytes() == same.read_bytes()
    assert fallen.record["cv"] == chosen.record["cv"]


def test_an_order_that_the_run_does_not_have_is_refused(contract: Contract, finished: Finished, call: Call) -> None:
    chain = require(contract, contract.chain, "chain")
    said = refusal(call(*words(contract, finished.raw, finished.build, f"{chain.setting}=coin")))
    # Flight's stages are its models, which a run knows; the others' are refused before anything is read.
    assert 'this run has no "coin"' in said or "cannot be 'coin': Expected one of 'auto'" in said
    assert chain.setting in said
    assert chain.last in said
