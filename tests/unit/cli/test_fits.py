"""A run of several fits: other seeds of the models alone, every query's score the mean, the first one's outcome."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from common.day.judged import Details, Judged
from common.day.record_schema import Scored
from common.engine.config import RunSettings
from common.engine.run import Run
from competitions.cli.fits import add_fits
from competitions.cli.settings import Inputs
from tests.unit.common.day.records import make_judged

SCORES = {7: [0.0, 1.0], 1007: [1.0, 1.0], 2007: [0.5, 0.0]}


def validate(files: object, config: RunSettings, run: Run) -> int:
    return config.model_seed


def judge(outcome: int, config: RunSettings) -> Judged:
    assert config.seed == 7  # what is drawn stays as it is
    queries = pl.DataFrame({"query": ["a", "b"], "fold": "x", "score": SCORES[outcome], "slice": ["s", "t"]})
    ranking = [
        Scored("m", sum(SCORES[outcome]) / 2, 0.1),
        Scored("rule", 0.3, 0.2),
    ]
    details = Details(features=(), summary={"seed": outcome})
    return make_judged(queries=queries, ranking=ranking, error=None, details=lambda: details)


def run_fits(tmp_path: Path, fits: int) -> Judged:
    competition: Any = SimpleNamespace(validate=validate, judge=judge)
    config = RunSettings(seed=7, fit_seed=0, fits=fits, keep_gib=1.0)
    inputs = Inputs(competition, config, tmp_path, None, False)
    return add_fits(judge(7, config), inputs, Run(tmp_path / "run", tmp_path / "cache"))


def test_every_query_has_the_mean_of_the_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = run_fits(tmp_path, 3)
    assert judged.queries["score"].to_list() == pytest.approx([0.5, 2 / 3])
    assert judged.queries.columns == ["query", "fold", "score", "slice"]
    assert judged.fits == pytest.approx([0.5, 1.0, 0.25])
    assert [row.score for row in judged.ranking] == pytest.approx([1.75 / 3, 0.3])
    # The model that is the run's has the error of the queries' means, .5 and .667, as the headline has.
    assert judged.ranking[0].error == pytest.approx((2 / 3 - 0.5) / 2 / 2**0.5)
    assert judged.ranking[1].error == 0.2  # of another model than the one that is submitted: its own
    assert judged.details().summary == {"seed": 7}  # all else is the first fit's, which is submitted
    assert "fit 3 of 3: 0.2500" in capsys.readouterr().err


def test_on_a_cluster_all_fits_are_stated_before_one_is_read(tmp_path: Path) -> None:
    calls: list[str] = []

    def note_validate(files: object, config: RunSettings, run: Run) -> int:
        assert run.cluster is work.cluster
        calls.append("validate")
        return config.model_seed

    def note_judge(outcome: int, config: RunSettings) -> Judged:
        calls.append("judge")
        return judge(outcome, config)

    config = RunSettings(seed=7, fit_seed=0, fits=3, keep_gib=1.0)
    work = Run(tmp_path / "run", tmp_path / "cache")
    inputs = Inputs(cast(Any, SimpleNamespace(validate=note_validate, judge=note_judge)), config, tmp_path, None, False)
    first = note_judge(7, config)
    alone = add_fits(first, inputs, work).fits
    work.cluster = cast(Any, object())
    assert add_fits(first, inputs, work).fits == alone
    assert calls == ["judge", *["validate", "judge"] * 2, *["validate"] * 2, *["judge"] * 2]
