"""Every competition: a run is exported, and the export answers the test as the run's own submission does."""

from pathlib import Path

from common.day.serving.benchmark import answer_all, share_equal
from common.engine.run import Run
from competitions import find_room
from tests.contract.conftest import COMPETITIONS
from tests.contract.contract import Contract, Finished

# A competition that is being made has no export yet.
ONLY = tuple(one for one in COMPETITIONS if (one.competition.folder / "day" / "export.py").exists())
REQUESTS = 30
EXACT = {"news"}  # one query and all of them go through the same functions, whose sums do not depend on the others


def test_an_export_answers_as_the_run_does(contract: Contract, finished: Finished, tmp_path: Path) -> None:
    config = contract.competition.load_config(["seed=0", *contract.small], tuned=False)
    files = contract.competition.locate(finished.raw, config)
    again = Run(tmp_path / contract.name / "again", finished.build / contract.name / "cache", quiet=True)
    export = find_room(contract.name, "day.export").export(files, config, again, tmp_path / "out", REQUESTS)
    computed = [step.name for step in again.timings if not step.kept and "half" not in step.name]
    assert computed == []  # the run had kept everything that its export needs
    service_code = find_room(contract.name, "day.service")
    requests = service_code.read_requests(export.requests)
    assert len(requests) == len(export.expected) == REQUESTS
    service = service_code.load(export.folder, export.variants[0].key)
    but_for_a_tie = 0 if contract.name in EXACT else 1 / REQUESTS
    assert share_equal(answer_all(service, requests, batch=1), export.expected) >= 1 - but_for_a_tie
    assert len({variant.key for variant in export.variants}) == len(export.variants)
    for variant in export.variants:
        assert 0 <= variant.score <= 1
        assert answer_all(service_code.load(export.folder, variant.key), requests[:3])
