"""Several fits by other seeds of the models: a query's mean score, and what a block adds beyond their noise."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from common.day.difference import FitNoise, widen_error
from common.day.judged import Details, Judged
from common.day.record_schema import Scored
from common.engine.config import RunSettings
from common.engine.run import Run
from competitions.cli.fits import ALL, Variant, add_fits, list_differences
from competitions.cli.settings import Inputs
from tests.unit.common.day.records import make_judged

SCORES = {7: [0.0, 1.0], 1007: [1.0, 1.0], 2007: [0.5, 0.0]}


def judge(outcome: int, config: RunSettings) -> Judged:
    assert config.seed == 7  # what is drawn stays as it is
    queries = pl.DataFrame({"query": ["a", "b"], "fold": "x", "score": SCORES[outcome], "slice": ["s", "t"]})
    ranking = [Scored("m", sum(SCORES[outcome]) / 2, 0.1), Scored("rule", 0.3, 0.2)]
    details = Details(features=(), summary={"seed": outcome})
    return make_judged(queries=queries, ranking=ranking, error=None, details=lambda: details)


def run_fits(tmp_path: Path, cluster: object = None) -> tuple[Judged, list[str]]:
    """Three fits, on a cluster or here, and the calls in their order."""
    calls: list[str] = []

    def note_validate(files: object, config: RunSettings, run: Run) -> int:
        assert run.cluster is cluster
        calls.append("validate")
        return config.model_seed

    def note_judge(outcome: int, config: RunSettings) -> Judged:
        calls.append("judge")
        return judge(outcome, config)

    competition: Any = SimpleNamespace(validate=note_validate, judge=note_judge)
    config = RunSettings(seed=7, fit_seed=0, fits=3, keep_gib=1.0)
    work = Run(tmp_path / "run", tmp_path / "cache")
    work.cluster = cast(Any, cluster)
    return add_fits(judge(7, config), Inputs(competition, config, tmp_path, None, False), work), calls


def test_every_query_has_the_mean_of_the_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged, calls = run_fits(tmp_path)
    assert calls == ["validate", "judge"] * 2
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
    judged, calls = run_fits(tmp_path, object())
    assert judged.fits == pytest.approx([0.5, 1.0, 0.25])
    assert calls == ["validate", "validate", "judge", "judge"]


# --- what a block of features adds ---


def vary(values: list[float], fits: list[float]) -> Variant:
    return Variant(pl.DataFrame({"query": list("abcd"), "fold": "x", "score": values}), fits)


def test_a_block_is_worth_what_the_score_loses_without_it() -> None:
    rows = list_differences(
        {
            ALL: vary([1.0, 0.5, 0.0, 1.0], [0.6, 0.65]),
            "spare": vary([1.0, 0.5, 0.0, 1.0], [0.6, 0.65]),
            "bad": vary([1.0, 1.0, 1.0, 1.0], [0.95, 1.05]),
            "good": vary([0.0, 0.5, 0.0, 0.0], [0.1, 0.15]),
        }
    )
    assert [(row["block"], row["score without"], row["it adds"]) for row in rows] == [
        ("good", pytest.approx(0.125), 0.5),
        ("spare", pytest.approx(0.625), 0.0),
        ("bad", pytest.approx(1.0), -0.375),
    ]
    # Gains 1, 0, 0, 1; the fits of each of the four variants lie .05 (.1) apart.
    noise = FitNoise((3 * 0.05**2 / 2 + 0.1**2 / 2) / 4, 4)
    assert rows[0]["error"] == pytest.approx(widen_error(0.25, noise, (2, 2)))
    assert [row["comparison"] for row in rows] == ["within the noise", "not used", "within the noise"]


@pytest.mark.parametrize(("after", "said"), [(1.0, "clear: it helps"), (-1.0, "clear: better without it")])
def test_what_a_block_adds_is_read_the_right_way_round(after: float, said: str) -> None:
    one, other = vary([1.0, 1.0, 1.0, 1.0], [1.0, 1.01]), vary([1.0 - after] * 4, [1.0 - after, 1.0 - after])
    (row,) = list_differences({ALL: one, "block": other})
    assert row["it adds"] == after
    assert row["comparison"].startswith(said)
