"""A fold whose features are other columns, or stand in another order, ends a run by a sentence with both lists."""

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

# The step of each competition whose result gets other columns; tencent's is called for every earlier fold.
STEPS = {"flight": "train.features", "mgtv": "test.list", "news": "test.pair_block", "tencent": "describe"}
Edit = Callable[[list[int]], list[int]]


def drop_last(columns: list[int]) -> list[int]:
    """A column less."""
    return columns[:-1]


def swap_last(columns: list[int]) -> list[int]:
    """Another order."""
    return [*columns[:-2], columns[-1], columns[-2]]


def spoil(value: Any, edit: Edit) -> Any:
    """A frame, rows, or the rows that the last fold judges, with edited columns."""
    if isinstance(value, TrainingData):
        *earlier, last = value.folds
        return replace(value, folds=(*earlier, replace(last, valid=spoil(last.valid, edit))))
    names = value.columns if isinstance(value, pl.DataFrame) else value.names
    columns = edit(list(range(len(names))))
    if isinstance(value, pl.DataFrame):
        return value.select(names[column] for column in columns)
    return replace(value, names=tuple(names[column] for column in columns), features=value.features[:, columns])


class SpoiledRun(Run):
    """A run in which the last of a step's results, of one or two, has other columns than the function gave before."""

    def __init__(self, folder: Path, cache: Path, name: str, edit: Edit) -> None:
        super().__init__(folder, cache)
        self.name, self.edit, self.before = name, edit, int(name == STEPS["tencent"])

    def step(self, f: Callable[..., Any], /, *args: Any, name: str | None = None) -> Result[Any]:
        """The step, or what was made of its result."""
        result: Result[Any] = super().step(f, *args, name=name)
        if name != self.name:
            return result
        self.before -= 1
        return derive(spoil, result, self.edit) if self.before == -1 else result


@pytest.mark.parametrize(
    ("edit", "said"),
    [(drop_last, r"missing here: [\w ]+; only here: none"), (swap_last, r"the same in another order, \w+")],
)
def test_a_fold_of_other_columns_is_refused(
    contract: Contract, finished: Finished, edit: Edit, said: str, tmp_path: Path
) -> None:
    competition, cache = contract.competition, finished.build / contract.name / "cache"
    run = SpoiledRun(tmp_path / "run", cache, STEPS.get(contract.name, "test.features"), edit)
    config = competition.load_config(contract.small, tuned=False)
    with pytest.raises(ColumnsError, match=f" has other columns: {said}"):
        competition.solve(competition.locate(finished.raw, config), config, run)
    assert not list((tmp_path / "run").glob("*"))
