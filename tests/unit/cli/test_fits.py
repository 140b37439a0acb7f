"""Several fits by other seeds of the models: a query's scores; what a block adds, also where another is off already."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from common.day.difference import compute_difference, pair_scores
from common.day.judged import Judged
from common.day.record_schema import Scored
from common.day.run_record import average_fits, stack_fits
from common.engine.config import RunSettings
from common.engine.errors import UserError
from common.engine.run import Run
from competitions import find_competition
from competitions.cli.fits import ALL, add_fits, leave_out, list_differences, list_used
from competitions.cli.settings import Inputs
from tests.unit.common.day.records import make_judged

SCORES = {7: [0.0, 1.0], 1007: [1.0, 1.0], 2007: [0.5, 0.0]}


def judge(outcome: int, config: RunSettings) -> Judged:
    assert config.seed == 7  # what is drawn stays as it is
    queries = pl.DataFrame({"query": ["a", "b"], "fold": "x", "score": SCORES[outcome], "slice": ["s", "t"]})
    ranking = [Scored("m", sum(SCORES[outcome]) / 2, 0.1), Scored("rule", 0.3, 0.2)]
    return make_judged(queries=queries, ranking=ranking, error=None, summary=lambda: {"seed": outcome})


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
    assert judged.queries.columns == ["query", "fold", "score", "slice", "fits"]
    assert judged.queries["fits"].to_list() == [[0.0, 1.0, 0.5], [1.0, 1.0, 0.0]]
    assert average_fits(judged.queries) == pytest.approx([0.5, 1.0, 0.25])
    assert [row.score for row in judged.ranking] == pytest.approx([1.75 / 3, 0.3])
    # The model that is the run's has the error of the queries' means, .5 and .667, as the headline has.
    assert judged.ranking[0].error == pytest.approx((2 / 3 - 0.5) / 2 / 2**0.5)
    assert judged.ranking[1].error == 0.2  # of another model than the one that is submitted: its own
    assert judged.summary() == {"seed": 7}  # all else is the first fit's, which is submitted
    assert "fit 3 of 3: 0.2500" in capsys.readouterr().err


def test_on_a_cluster_all_fits_are_stated_before_one_is_read(tmp_path: Path) -> None:
    judged, calls = run_fits(tmp_path, object())
    assert average_fits(judged.queries) == pytest.approx([0.5, 1.0, 0.25])
    assert calls == ["validate", "validate", "judge", "judge"]


# --- what a block of features adds ---


def vary(gain: float = 0.0, seed: int = 0) -> pl.DataFrame:
    """Two hundred queries by three fits."""
    easy, rng = np.random.default_rng(9).normal(size=200), np.random.default_rng(seed)
    scores = (easy + gain + rng.normal(0, 0.1, 200) for _ in range(3))
    return stack_fits([pl.DataFrame({"query": range(200), "fold": "x", "score": each}) for each in scores])


def test_a_block_is_worth_what_the_score_loses_without_it() -> None:
    without = {"spare": vary(), "bad": vary(0.5, 1), "good": vary(-0.5, 2), "idle": vary(0.0, 3)}
    rows = {row["block"]: row for row in list_differences({ALL: vary(), **without})}
    assert list(rows)[0::3] == ["good", "bad"]
    said = {
        "good": "clear: it helps",
        "spare": "not used",
        "idle": "within the noise",
        "bad": "clear: better without it",
    }
    assert {name: row["comparison"].partition(" (")[0] for name, row in rows.items()} == said
    assert rows["good"]["it adds"] == pytest.approx(0.5, abs=0.05)
    assert rows["good"]["score without"] == pytest.approx(without["good"]["score"].mean())
    told = compute_difference(pair_scores(without["idle"], vary()), 4)  # one of four
    assert (rows["idle"]["it adds"], rows["idle"]["error"]) == (told.mean, told.error)


@pytest.mark.parametrize(
    ("name", "setting", "kept", "block", "left"),
    [
        ("news", "rank.blocks=-channel", ("item", "pair"), "item", ["-channel", "-item"]),
        ("news", "rank.blocks=item,pair", ("item", "pair"), "item", ["pair"]),
        ("news", "rank.blocks=[item]", ("item",), "item", UserError),
        ("flight", "rank.blocks=auto", None, "pair", ["-pair"]),
        ("flight", "rank.blocks=-pair", None, "lift", ["-pair", "-lift"]),
    ],
)
def test_a_block_is_left_out_of_what_is_set(
    name: str, setting: str, kept: tuple[str, ...] | None, block: str, left: list[str] | type[UserError]
) -> None:
    """In backward elimination a block that is off stays off, and has no row of its own."""
    competition = find_competition(name)
    config = competition.load_config([setting], tuned=False)
    used = list_used(competition, config)
    assert kept is None or set(used) == set(kept)
    if left is UserError:
        with pytest.raises(UserError):
            leave_out(competition, config, block)
        return
    less: Any = leave_out(competition, config, block)
    assert list(less.rank.blocks) == left
    assert set(list_used(competition, less)) == set(used) - {block}
