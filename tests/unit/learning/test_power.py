"""How many users a test needs: against simulated tests, and against a ladder whose variances are planted."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind

from common.day import stamp
from common.day.record_schema import CLUSTER
from common.day.stamp import Figure
from common.engine.errors import UserError
from competitions.learning import power
from competitions.learning.ladder import BASE
from competitions.learning.power import count_users, describe_test, find_power, main, measure_variances


def draw_scores(queries: int, gain: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two methods that share most of a query's luck: variance 1.25 each, of the difference .5."""
    rng = np.random.default_rng(0)
    luck = rng.normal(size=queries)
    one, other = (luck + rng.normal(scale=0.5, size=queries) for _ in range(2))
    return pl.DataFrame({"score": one}), pl.DataFrame({"score": other + gain})


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_as_many_simulated_tests_see_the_gain_as_the_formula_says(share: float) -> None:
    rng, users = np.random.default_rng(1), round(share * count_users(1.0, 0.2))
    arms = rng.normal(size=(2, 2_000, users))
    seen = (ttest_ind(arms[1] + 0.2, arms[0], axis=1).pvalue < 0.05).mean()
    assert find_power(1.0, 0.2, users) == pytest.approx(seen, abs=0.03)


def test_what_a_pair_of_methods_shares_does_not_count_where_every_query_has_both() -> None:
    row = describe_test("b", "a", *draw_scores(20_000, 0.1))
    assert row["correlation"] == pytest.approx(0.8, abs=0.01)
    assert float(row["A/B: users a group"]) == pytest.approx(5 * float(row["paired: users"]), rel=0.1)


def test_queries_of_one_cluster_count_as_one() -> None:
    before, after = draw_scores(1_000, 0.1)
    doubled = [
        pl.concat([each, each]).with_columns(pl.Series(CLUSTER, [*range(1_000)] * 2)) for each in (before, after)
    ]
    assert measure_variances(*doubled)[1:] == pytest.approx([2 * each for each in measure_variances(before, after)[1:]])


class Measured:
    """A ladder of three methods, of which the last scores as the second does."""

    def __init__(self) -> None:
        one, other = draw_scores(500, 0.1)
        self.measured = {"a": one, "b": other, "c": other}

    def climb(self, only: str) -> list[dict[str, Any]]:
        return [{BASE: {"a": None, "b": "a", "c": "b"}[only]}]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for tables, and a ladder in place of the competition's."""
    monkeypatch.setattr(stamp, "BUILD", tmp_path)
    lesson, inputs = SimpleNamespace(make_ladder=lambda *_: Measured()), SimpleNamespace(files=0, config=0)
    inputs.folder = tmp_path / "globo"
    monkeypatch.setattr(power, "find_lesson", lambda *_: lesson)
    monkeypatch.setattr(power, "load_inputs", lambda _: inputs)
    return tmp_path


def test_the_command_keeps_a_row_a_rung(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["news", "b", "--build", str(build)])
    kept = msgspec.json.decode((build / "news/figures/power globo.json").read_bytes(), type=Figure)
    assert [(row["rung"], row["against"]) for row in kept.rows] == [("b", "a")]
    assert kept.command == "python -m competitions.learning.power news b --raw DIR"
    assert "users a group" in capsys.readouterr().out


@pytest.mark.parametrize(("rung", "why"), [("a", "builds on no other step"), ("c", "score alike")])
def test_a_rung_that_is_compared_with_nothing_is_refused(build: Path, rung: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        main(["news", rung, "--build", str(build)])
