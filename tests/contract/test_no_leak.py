"""What happens after a labelled query's cut reaches its answer and nothing else."""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from tests.contract.contract import Contract, Finished, Recorder, Results


def prepare(contract: Contract, raw: Path, work: Path, cache: Path) -> Results:
    """Every step of a run up to its score on these files, with what it returned."""
    recorder = Recorder(work, cache)
    contract.validate(raw, (*contract.small, *contract.quick), recorder)
    return [(name, result.value) for name, result in recorder.results]


Untouched = tuple[Mapping[str, pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="session")
def untouched(contract: Contract, finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Untouched:
    """What the raw files as they are give: what was made before the fits, and the answers."""
    cache = finished.build / contract.name / "cache"
    results = prepare(contract, finished.raw, tmp_path_factory.mktemp("untouched"), cache)
    return contract.earlier(results), contract.answers(results)


def test_another_future_changes_no_feature(
    contract: Contract, folder: Path, future: Callable[[Path], int], untouched: Untouched, tmp_path: Path
) -> None:
    assert future(folder) > 0
    results = prepare(contract, folder, tmp_path / "run", tmp_path / "cache")
    frames, before = contract.earlier(results), untouched[1]
    assert list(frames) == list(untouched[0])
    for name, frame in frames.items():
        assert frame.height > 0, name
        assert frame.equals(untouched[0][name]), name
    if future is contract.futures["replaced"]:  # which holds the answers: else the test would see nothing
        answers = contract.answers(results)
        assert answers.height > 0
        assert set(answers["query"]) == set(before["query"])
        kept = answers.join(before, on=["query", "item"]).height / answers.height
        assert kept == 0 or (contract.competition.kind == "several" and kept < 0.2)  # one of them may become another
