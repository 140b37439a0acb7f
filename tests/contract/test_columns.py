"""A fold whose features stand in another order ends a run by a sentence with both lists. Columns that are not there:
tests/unit/common/learning/test_dataset.py.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from common.engine.run import Result, Run, derive
from common.learning.dataset import ColumnsError
from competitions.flight.ranking.training_data import TrainingData
from tests.contract.contract import Contract, Finished


def spoil(value: Any) -> Any:
    """A frame, rows, or the rows that the last fold judges, with the last two columns in each other's place."""
    if isinstance(value, TrainingData):
        *earlier, last = value.folds
        return replace(value, folds=(*earlier, replace(last, valid=spoil(last.valid))))
    names = value.columns if isinstance(value, pl.DataFrame) else value.names
    columns = [*range(len(names) - 2), len(names) - 1, len(names) - 2]
    if isinstance(value, pl.DataFrame):
        return value.select(names[column] for column in columns)
    return replace(value, names=tuple(names[column] for column in columns), features=value.features[:, columns])


class SpoiledRun(Run):
    """A run in which the last of a step's results, of one or two, has other columns than the function gave before."""

    def __init__(self, folder: Path, cache: Path, name: str, before: int) -> None:
        super().__init__(folder, cache)
        self.name, self.before = name, before

    def step(self, f: Callable[..., Any], /, *args: Any, name: str | None = None) -> Result[Any]:
        """The step, or what was made of its result."""
        result: Result[Any] = super().step(f, *args, name=name)
        if name != self.name:
            return result
        self.before -= 1
        return derive(spoil, result) if self.before == -1 else result


def test_a_fold_of_other_columns_is_refused(contract: Contract, finished: Finished, tmp_path: Path) -> None:
    competition, cache = contract.competition, finished.build / contract.name / "cache"
    run = SpoiledRun(tmp_path / "run", cache, *contract.last_features)
    config = competition.load_config(contract.small, tuned=False)
    with pytest.raises(ColumnsError, match=r" has other columns: the same in another order, \w+"):
        competition.solve(competition.locate(finished.raw, config), config, run)
    assert not list((tmp_path / "run").glob("*"))
