"""A run that is loaded is the run that was recorded, or nothing is loaded."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from common.competition import Competition
from common.day.answers import ValidationRows
from common.day.loaded import load_run
from common.engine.errors import UserError
from common.engine.run import Result, Run
from common.learning.dataset import RankingDataset
from tests.unit.common.day.conftest import Make


class Config(msgspec.Struct, forbid_unknown_fields=True):
    seed: int = 0


def score(seed: int) -> list[float]:
    """The one step of the pipeline."""
    return [0.5, 0.25 + seed]


def list_rows(scores: Result[list[float]]) -> ValidationRows:
    rows = RankingDataset(("x",), np.ones((2, 1), np.float32), np.array([1, 0], np.float32), np.array([1, 1], np.int32))
    frame = pl.DataFrame({"query": ["0", "1"], "item": [7, 8]})
    return ValidationRows(frame, rows, pl.DataFrame({"blend": scores.value}))


@pytest.fixture
def competition() -> Any:
    """What a competition declares, as far as loading needs it."""

    def judge(scores: Result[list[float]], config: Config) -> SimpleNamespace:
        return SimpleNamespace(queries=pl.DataFrame({"query": ["0", "1"], "fold": "all", "score": scores.value}))

    def validate(files: Path, config: Config, run: Run) -> Result[list[float]]:
        return run.step(score, config.seed)

    def locate(raw: Path, config: Config) -> Path:
        return raw

    declared = SimpleNamespace(
        config=Config, check_names=lambda config: None, locate=locate, validate=validate, judge=judge
    )
    declared.read_config = partial(Competition.read_config, declared)
    return declared


def test_what_is_computed_again_must_score_as_the_record_has_it(make: Make, competition: Any) -> None:
    folder = make("20260101-1", [0.5, 0.25], config={"seed": 0})
    with pytest.raises(UserError, match=r"scored 0\.3750, and 0\.3750 with the current code.*revision 1234"):
        load_run(folder, competition, list_rows)  # the record's queries have other columns
    pl.DataFrame({"query": ["0", "1"], "fold": "all", "score": [0.5, 0.25]}).write_parquet(folder / "queries.parquet")
    run = load_run(folder, competition, list_rows)  # kept by now
    assert run.features.to_dict(as_series=False) == {"x": [1.0, 1.0]}
    assert run.labels["label"].to_list() == [1.0, 0.0]
    assert run.scores["blend"].to_list() == [0.5, 0.25]
    assert run.record.run == "20260101-1"
    lines = repr(run).splitlines()
    assert len(lines) <= 12
    assert "  features: 2 rows; x" in lines


def test_settings_that_are_no_longer_known_are_one_sentence(make: Make, competition: Any) -> None:
    with pytest.raises(UserError, match="do not fit this code"):
        load_run(make("20260101-1", [0.5]), competition, list_rows)
