"""A run of a competition of lists answers for a user's past as its submission does, and for that of a stranger."""

import json
from pathlib import Path

import polars as pl

from common.engine.run import Run
from tests.conftest import Call
from tests.contract.contract import Contract, Finished, refusal, require_room


def test_a_service_of_lists_recommends_what_the_run_hands_in(
    contract: Contract, finished: Finished, call: Call, tmp_path: Path
) -> None:
    room = require_room(contract, "day.serve")
    config = contract.competition.load_config(["seed=0", *contract.small], tuned=False)
    run = Run(tmp_path / "again", finished.build / contract.name / "cache")
    service = room.make_service(contract.competition.locate(finished.raw, config), config, run)
    assert all(step.kept for step in run.timings)
    lists = pl.read_csv(finished.submission)
    for user, *items in lists.head(5).iter_rows():
        past = service.history.filter(user=user)
        body = json.dumps({"items": past["item"].to_list(), "times": past["time"].to_list()}).encode()
        assert service.answer(service.parse(body))["items"] == items
    known = [str(item) for item in service.history["item"].head(3)]
    asked = ("--run", finished.folder.name, "--build", finished.build)
    code, out, err = call("recommend", contract.name, *known, *asked)
    assert code == 0, err
    assert len([line for line in out.splitlines() if line.split()[:1] != [] and line.split()[0].isdigit()]) == len(
        items
    )
    unknown = call("recommend", contract.name, "2000000000", *asked)
    assert "Item 2000000000 is not in the log of the run" in refusal(unknown)
