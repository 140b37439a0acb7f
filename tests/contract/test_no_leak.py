"""What happens after a labelled query's cut reaches its answer and nothing else."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from tests.contract.contract import Contract, Finished, Recorder, Results


def prepare(contract: Contract, raw: Path, work: Path) -> Results:
    """Every step of a run on these files, with what it returned."""
    recorder = Recorder(work)
    contract.solve(raw, (*contract.small, *contract.quick), recorder)
    return [(name, result.value) for name, result in recorder.results]


Untouched = tuple[Mapping[str, pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="session")
def untouched(contract: Contract, finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Untouched:
    """What the raw files as they are give: what was made before the fits, and the answers."""
    results = prepare(contract, finished.raw, tmp_path_factory.mktemp("untouched"))
    return contract.earlier(results), contract.answers(results)


def test_another_future_changes_no_feature(
    contract: Contract, finished: Finished, future: Callable[[Path], int], untouched: Untouched, tmp_path: Path
) -> None:
    shutil.copytree(finished.raw, tmp_path / "raw")
    assert future(tmp_path / "raw") > 20
    made = contract.earlier(prepare(contract, tmp_path / "raw", tmp_path))
    assert list(made) == list(untouched[0])
    for name, frame in made.items():
        assert frame.height > 0, name
        assert frame.equals(untouched[0][name]), name


def test_the_replaced_future_is_what_is_asked(
    contract: Contract, finished: Finished, untouched: Untouched, tmp_path: Path
) -> None:
    shutil.copytree(finished.raw, tmp_path / "raw")
    contract.futures["replaced"](tmp_path / "raw")
    answers = contract.answers(prepare(contract, tmp_path / "raw", tmp_path))
    both = answers.join(untouched[1], on="query", suffix="_before")
    assert both.height == untouched[1].height == answers.height > 20
    assert both.filter(pl.col("item") == pl.col("item_before")).is_empty()
