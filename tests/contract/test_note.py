"""A note is kept with the run that it was given to, one that changes nothing among them."""

import json

import pytest

from tests.conftest import Call
from tests.contract.contract import Contract, Finished, words


@pytest.mark.each_nightly
def test_an_unchanged_run_keeps_its_note(contract: Contract, finished: Finished, call: Call) -> None:
    code, _, err = call(*words(contract, finished.raw, finished.build), "--note", "again")
    assert code == 0, err
    record = max((finished.build / contract.name).glob("*/run.json"))
    assert json.loads(record.read_text())["note"] == "again"
