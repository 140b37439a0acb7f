"""The plain peers of ``make bench`` answer the same files as the pipeline."""

import importlib
from pathlib import Path

import pytest

from competitions import find_competition
from tests.contract.contract import Contract, Finished
from tests.contract.flight import FLIGHT
from tests.contract.mgtv import MGTV
from tests.contract.news import NEWS

ONLY = (NEWS, FLIGHT, MGTV)


@pytest.mark.nightly
def test_every_peer_writes_a_submission_that_passes_the_check(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    competition, bench = (
        find_competition(contract.name),
        importlib.import_module(f"tests.benches.{contract.name}_peers"),
    )
    for title, peer in bench.WAYS.items():
        submission = tmp_path / title / "submission.csv"
        submission.parent.mkdir()
        peer(finished.raw, submission)
        checked = competition.check(submission, competition.locate_known(finished.raw))
        assert checked.rows > 0, title
