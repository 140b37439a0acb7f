"""The noise of the fits: which runs tell it, and how the error of a difference counts it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from scipy import stats

from common.day.difference import Difference, judge, measure_difference, pair_queries
from common.day.fit_noise import FitNoise, describe_kind, find_noise, pool_variance, widen_error
from common.day.record_schema import RunRecord, read_record
from tests.unit.common.day.conftest import Make


def read(folder: Path) -> RunRecord:
    return read_record(folder / "run.json")


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


FITTED = {"fits": [0.3, 0.5, 0.4]}


@pytest.mark.parametrize(
    ("changed", "freedom"),
    [
        ({}, 2),
        ({"config": {"seed": 0, "rank": {"rounds": 5, "blocks": ["video"]}}}, 2),  # other features, which noise ignores
        ({"config": {"seed": 0, "rank": {"rounds": 9}}}, None),
        ({"data": {"digest": "of other files"}}, None),
        ({"metric": "AUC"}, None),
        ({"cv": {"score": 0.4, "queries": 7}}, None),
        ({"cv": {"score": 0.4, "queries": 4, "digest": "of other queries"}}, None),
    ],
)
def test_runs_on_the_same_files_queries_and_settings_tell_the_noise_of_two_others(
    make: Make, changed: dict[str, Any], freedom: int | None
) -> None:
    one, other = make("a-1", [0.0, 1.0, 0.5, 1.0]), make("a-2", [0.0, 1.0, 0.0, 1.0])
    third = make("a-3", [0.0, 1.0, 0.5, 1.0], **FITTED, **changed)
    noise = find_noise([third.parent], (read(one), read(other)))
    assert (noise.freedom if noise else None) == freedom
    assert measure_difference(one, other).fits == (0 if freedom is None else 3)


def make_seeded(make: Make, key: str, scores: Sequence[float], **more: Any) -> list[Path]:
    return [
        make(f"a-{at}", [score] * 4, config={key: at}, cv={"score": score, "queries": 4}, **more)
        for at, score in enumerate(scores)
    ]


def find(*runs: Path) -> tuple[float, int]:
    """The variance and the fits by which the noise of a pair is known."""
    noise = find_noise([runs[0].parent], (read(runs[0]), read(runs[1])))
    assert noise is not None
    return noise.variance, noise.fits


def test_runs_that_differ_in_the_seed_of_the_fits_are_fits_as_well(make: Make) -> None:
    runs = make_seeded(make, "fit_seed", [0.3, 0.5, 0.4])
    again = make("b-1", [0.5] * 4, config={"fit_seed": 1}, cv={"score": 0.5, "queries": 4})  # the same run twice
    assert find(runs[0], again) == (pytest.approx(0.01), 3)


def test_a_fit_that_two_runs_share_counts_once(make: Make) -> None:
    one = make("a-1", [0.4] * 4, config={"fit_seed": 0, "fits": 3}, fits=[0.3, 0.5, 0.4])
    other = make("a-2", [0.4] * 4, config={"fit_seed": 1, "fits": 2}, fits=[0.5, 0.4])
    assert find(one, other) == (pytest.approx(0.01), 3)
    make("a-3", [0.4] * 4, config={"fit_seed": 3, "fits": 1}, cv={"score": 0.6, "queries": 4})
    assert find(one, other) == (pytest.approx(np.var([0.3, 0.5, 0.4, 0.6], ddof=1)), 4)


def test_what_another_seed_draws_is_known_by_runs_of_other_seeds_alone(make: Make) -> None:
    runs = make_seeded(make, "seed", [0.3, 0.5], fits=[0.4, 0.4, 0.4])
    third = make("b-1", [0.6] * 4, config={"seed": 2}, cv={"score": 0.6, "queries": 4})
    assert find(*runs) == (pytest.approx(np.var([0.4, 0.4, 0.6], ddof=1)), 3)  # the first fit of each
    assert find_noise([], (read(runs[0]), read(third))) == pytest.approx((0.02, 1, 2))
    assert find_noise([], (read(runs[0]), structs.replace(read(runs[0]), run="x"))) == pytest.approx(
        (0.0, 2, 3)
    )  # of one seed


def test_a_run_counts_once_and_its_mean_varies_less(make: Make) -> None:
    one, other = make("a-1", [0.2, 0.4, 0.6, 0.8], **FITTED), make("a-2", [0.4, 0.4, 0.6, 0.8], features=["g"])
    pair, joined = (read(one), read(other)), pair_queries(one, other)  # gains .2, 0, 0, 0
    assert (find_noise([one.parent, one.parent], pair) or ())[:2] == pytest.approx((0.01, 2))
    wider = widen_error(0.05 * 3**0.5 / 2, FitNoise(0.01, 2), (3, 1))
    assert judge(joined, pair, [one.parent]).error == pytest.approx(wider)
    assert judge(pair_queries(one, one), pair, [one.parent]).fits == 0  # nothing changed, and nothing is noisy
    assert describe_kind(pair[0]) == describe_kind(pair[1])
