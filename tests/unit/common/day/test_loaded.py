"""A run that is loaded is the run that was recorded, or no features are loaded."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from common.competition import Competition
from common.day.judged import Judged
from common.day.loaded import load_run
from common.engine.errors import UserError
from common.engine.run import Result, Run
from common.learning.dataset import RankingDataset
from tests.unit.common.day.conftest import Make
from tests.unit.common.day.records import make_evidence, make_judged

DATA = RankingDataset(("x",), np.ones((2, 1), np.float32), np.array([1, 0], np.float32), np.array([1, 1], np.int32))


class Config(msgspec.Struct, forbid_unknown_fields=True):
    seed: int = 0


def score(seed: int) -> list[float]:
    """The one step of the pipeline."""
    return [0.5, 0.25 + seed]


def list_candidates(scores: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"query": ["0", "1"], "item": [7, 8], "label": DATA.labels, "blend": scores})


@pytest.fixture
def competition() -> Any:
    """What a competition declares, as far as loading needs it."""

    def judge(scores: Result[list[float]], config: Config) -> Judged:
        return make_judged(evidence=lambda: make_evidence(candidates=list_candidates(scores.value), rows=DATA))

    def validate(files: Path, config: Config, run: Run) -> Result[list[float]]:
        return run.step(score, config.seed)

    def locate(raw: Path, config: Config) -> Path:
        return raw

    declared = SimpleNamespace(
        config=Config, check_names=lambda config: None, locate=locate, validate=validate, judge=judge
    )
    declared.read_config = partial(Competition.read_config, declared)
    return declared


def test_features_are_those_of_the_candidates_that_were_ranked(make: Make, competition: Any) -> None:
    folder = make("20260101-1", [0.5, 0.25], config={"seed": 0})
    with pytest.raises(UserError, match=r"has no candidates\.parquet"):
        load_run(folder, competition)
    list_candidates([0.5, 0.25]).write_parquet(folder / "candidates.parquet")
    run = load_run(folder, competition)
    assert run.features.to_dict(as_series=False) == {"x": [1.0, 1.0]}
    assert run.candidates.rows() == [("0", 7, 1.0, 0.5), ("1", 8, 0.0, 0.25)]
    assert run.record.run == "20260101-1"
    assert repr(run) == "LoadedRun news/20260101-1: MRR@5 0.3750; 2 queries, 2 candidates, 1 features"
    list_candidates([0.5, 0.75]).write_parquet(folder / "candidates.parquet")
    with pytest.raises(UserError, match=r"scored them otherwise.*revision 1234"):
        _ = load_run(folder, competition).features


def test_settings_that_are_no_longer_known_are_one_sentence(make: Make, competition: Any) -> None:
    folder = make("20260101-1", [0.5])
    pl.DataFrame({"query": ["0"]}).write_parquet(folder / "candidates.parquet")
    with pytest.raises(UserError, match="do not fit this code"):
        _ = load_run(folder, competition).features
