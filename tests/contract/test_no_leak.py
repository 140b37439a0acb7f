"""What happens after a labelled query's cut reaches its answer and nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.split import Fold
from tests.contract.competition import Competition, Finished, Recorder

QUICK = ("rank.rounds=1", "blend.trials=1")


def prepare(competition: Competition, raw: Path, work: Path) -> tuple[Fold, list[tuple[str, pl.DataFrame]]]:
    """The labelled fold, and every frame made of it before the fits: tables, channels, candidates, feature blocks."""
    recorder = Recorder(work)
    competition.solve(raw, (*competition.small, *QUICK), recorder)
    values: list[tuple[str, Any]] = [(name, result.value) for name, result in recorder.results]
    (fold,) = [value for name, value in values if name == competition.cut]
    made = [(name, value) for name, value in values if name.startswith("labelled.") and isinstance(value, pl.DataFrame)]
    return fold, made


@pytest.fixture(scope="session")
def untouched(
    competition: Competition, finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Fold, list[tuple[str, pl.DataFrame]]]:
    """What the raw files as they are give."""
    return prepare(competition, finished.raw, tmp_path_factory.mktemp("untouched"))


def test_another_future_changes_no_feature(
    competition: Competition,
    finished: Finished,
    future: Callable[[Path], int],
    untouched: tuple[Fold, list[tuple[str, pl.DataFrame]]],
    tmp_path: Path,
) -> None:
    shutil.copytree(finished.raw, tmp_path / "raw")
    assert future(tmp_path / "raw") > 20
    fold, made = prepare(competition, tmp_path / "raw", tmp_path)
    assert_frame_equal(fold.history, untouched[0].history)
    assert_frame_equal(fold.queries, untouched[0].queries)
    assert_frame_equal(fold.seen, untouched[0].seen)
    assert [name for name, _ in made] == [name for name, _ in untouched[1]]
    assert len([name for name, _ in made if name.endswith("_block")]) > 1
    for (name, frame), (_, expected) in zip(made, untouched[1], strict=True):
        assert frame.equals(expected), name


def test_the_replaced_future_is_what_is_asked(
    competition: Competition,
    finished: Finished,
    untouched: tuple[Fold, list[tuple[str, pl.DataFrame]]],
    tmp_path: Path,
) -> None:
    shutil.copytree(finished.raw, tmp_path / "raw")
    competition.futures["replaced"](tmp_path / "raw")
    fold, _ = prepare(competition, tmp_path / "raw", tmp_path)
    assert fold.answers is not None
    assert untouched[0].answers is not None
    both = fold.answers.join(untouched[0].answers, on="query", suffix="_before")
    assert both.height == fold.queries.height
    assert both.filter(pl.col("item") == pl.col("item_before")).is_empty()
