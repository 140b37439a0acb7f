"""The error of a difference: of the queries, of clusters of them, of the fits, of many side by side; and one pair of
runs has one difference, one error and one sentence, wherever it is told.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from common.day.compare import list_slices
from common.day.difference import Difference, FitNoise, compute_difference, pool_variance, read_pair, widen_error
from common.day.record_schema import read_record
from competitions.cli import execution
from tests.conftest import Call
from tests.unit.common.day.conftest import Make

RNG = np.random.default_rng(0)
BEFORE = RNG.random(40).round(2)
AFTER = (BEFORE + RNG.normal(0.02, 0.1, 40)).round(2)
PARTS = re.compile(r"([+-]\d\.\d{4}) ± (\d\.\d{4}) on (.*?) \((\d+ fits known)\)")


@pytest.fixture
def pair(make: Make) -> tuple[Path, Path]:
    """Two runs of three fits each, the second with another setting; before and between them such as are less alike."""
    config: dict[str, Any] = {"seed": 0, "rank": {"rounds": 5, "depth": 3}}
    other: dict[str, Any] = {"seed": 0, "rank": {"rounds": 9, "depth": 3}}
    make("20260101-120000-000", list(BEFORE), config=other | {"new": 1}, fits=[0.41, 0.43, 0.42])
    one = make("20260102-120000-000", list(BEFORE), config=config, fits=[0.51, 0.52, 0.53])
    make("20260103-120000-000", list(AFTER), config=other, overrides=["@competitions/news/quick.toml"])
    return one, make("20260104-120000-000", list(AFTER), config=other, fits=[0.52, 0.55, 0.54])


def test_every_place_tells_the_same_difference_of_a_pair(
    pair: tuple[Path, Path], call: Call, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    one, other = pair
    names, build = [f"news/{run.name}" for run in pair], tmp_path / "build"
    execution.show_end(read_record(other / "run.json"), other, "users")
    texts = {"the end of a run": capsys.readouterr().out}
    for words in (["compare", *names], ["compare", "news"]):
        code, texts[" ".join(words)], err = call(*words, "--build", build)
        assert code == 0, err
    assert call("report", names[1], "--build", build)[0] == call("runs", "news", "--build", build)[0] == 0
    texts["the report"] = (other / "report.html").read_text()
    page = (build / "runs.html").read_text()
    texts["the page of runs"] = page.split("Against news/20260102")[1].split("Against")[0]
    told = {place: PARTS.findall(text)[-1:] for place, text in texts.items()}
    first = read_pair(one, other).difference
    assert (first.queries, first.fits) == (40, 6)
    (parts,) = PARTS.findall(first.sentence)
    assert {place: found for place, found in told.items() if found != [parts]} == {}
    assert f"+{parts[0][2:]} ± {parts[1][1:]}" in (build / "runs.html").read_text()  # a column, without the zeros


# --- the error ---


def test_the_error_is_that_of_the_queries_and_of_the_fits_of_both() -> None:
    many = FitNoise(0.0004, 10**6)
    assert widen_error(0.03, many, (1, 1)) == pytest.approx((0.0009 + 0.0004 + 0.0004) ** 0.5)
    assert widen_error(0.03, many, (2, 4)) == pytest.approx((0.0009 + 0.0002 + 0.0001) ** 0.5)
    assert widen_error(0.03, FitNoise(0.0, 5), (1, 1)) == 0.03
    # All of it from few fits: Student's quantile over the normal one.
    for freedom in (2, 5, 20):
        wider = widen_error(0.0, FitNoise(0.5, freedom), (1, 1))
        assert wider == pytest.approx(stats.t.ppf(0.975, freedom) / 1.95996, rel=0.01)


def test_of_fits_that_differ_by_chance_one_verdict_in_twenty_is_clear_at_most() -> None:
    rng, clear, found = np.random.default_rng(0), 0, 0
    for _ in range(2_000):
        fits = [list(rng.normal(size=3)) for _ in range(2)]
        noise = pool_variance(fits)
        assert noise is not None
        error = widen_error(0.0, noise, (3, 3))
        clear += Difference(float(np.mean(fits[1]) - np.mean(fits[0])), error, 9, 9, 6).clear
        found += Difference(float(np.mean(fits[1]) - np.mean(fits[0])) + 2 * error, error, 9, 9, 6).clear
    assert clear / 2_000 < 0.06
    assert 0.45 < found / 2_000 < 0.55  # what is worth twice the error is found in half of the runs


def test_a_verdict_follows_from_the_pair_alone(make: Make) -> None:
    one, other = make("a-1", [0.2, 0.4, 0.6, 0.8], fits=[0.3, 0.5, 0.4]), make("a-2", [0.4, 0.4, 0.6, 0.8])
    make("a-0", [0.2, 0.4, 0.6, 0.8], fits=[0.1, 0.9])  # of the same settings, and of no concern
    difference = read_pair(one, other).difference  # gains .2, 0, 0, 0; three fits against one
    assert difference.error == pytest.approx(widen_error(0.05 * 3**0.5 / 2, FitNoise(0.01, 2), (3, 1)))
    assert (difference.fits, difference.verdict) == (3, "within the noise")
    unknown = read_pair(make("b-1", [0.2] * 20), make("b-2", [0.4] * 20)).difference
    assert (unknown.fits, unknown.clear) == (0, False)  # where the fits' noise is not known nothing is clear
    assert unknown.verdict == "more than the noise of the queries, but that of the fits is not known"
    assert "no fits known: a run with --seeds 3 tells their noise" in unknown.sentence
    verdicts = [Difference(mean, 0.02, 10, 5, fits=3).verdict for mean in (0.05, -0.05)]
    assert verdicts == ["clear gain (2.5 standard errors)", "clear loss (2.5 standard errors)"]
    assert not Difference(0.05, 0.02, 10, 5, fits=3, compared=20).clear  # one of twenty lies so far by chance
    same = read_pair(one, make("b-3", [0.2, 0.4, 0.6, 0.8], fits=[0.1, 0.9])).difference
    assert (same.fits, same.error) == (0, 0.0)  # nothing changed, and nothing is noisy


def test_queries_of_a_cluster_rise_and_fall_together() -> None:
    before, gains = pl.Series([0.0] * 6), [1.0, 1.0, 1.0, -1.0, -1.0, -1.0]
    joined = pl.DataFrame({"before": before, "after": gains, "cluster": ["a", "a", "a", "b", "b", "b"]})
    assert compute_difference(joined.drop("cluster")).error == pytest.approx(6**-0.5)  # six independent ones
    assert compute_difference(joined).error == pytest.approx(2**-0.5)  # two
    weighed = joined.with_columns(weight=pl.Series([1.0, 1.0, 1.0, 3.0, 3.0, 3.0]))
    # The mean is -.5; a's sum of gains less the mean is 4.5, b's the same with its weight.
    assert compute_difference(weighed)[:2] == pytest.approx((-0.5, (2 * 4.5**2) ** 0.5 / 12))
    assert compute_difference(joined.with_columns(weight=pl.lit(0.0)))[:2] == (
        0.0,
        0.0,
    )  # of a slice that counts nothing


def test_a_slice_is_marked_where_it_lies_beyond_what_chance_makes_of_so_many() -> None:
    """Of 40 queries 5 won are 2.4 errors, 8 are 3.2; of six slices, the fold among them, chance makes 2.7."""
    won = {"a": 5, "b": 8, "c": 0, "d": 0, "e": 0}
    rows = [("all", kind, 0.0, float(at < count)) for kind, count in won.items() for at in range(40)]
    marks = list_slices(pl.DataFrame(rows, schema=["fold", "kind", "before", "after"], orient="row"))
    assert [row["slice"] for row in marks if row[""]] == ["fold: all", "kind: b"]
