"""The simulated A/B comparison: planted differences, honest intervals, and the numbers of a live test by hand."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from common.day import replay
from common.day.replay import assign, code_units, compare_arms, needed_requests, t_interval
from common.engine.errors import UserError
from common.learning.metrics import weighted_error


def make_traffic(before: np.ndarray, after: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"query": [f"q{number}" for number in range(len(before))], "before": before, "after": after})


def write_run(folder: Path, scores: np.ndarray, metric: str = "MRR@5") -> Path:
    folder.mkdir(parents=True)
    record = {"name": "news", "run": folder.name, "config": {}, "cv": {}, "metric": metric, "data": {}, "steps": []}
    (folder / "run.json").write_text(json.dumps(record))
    pl.DataFrame(
        {"query": [f"q{number}" for number in range(len(scores))], "fold": "day", "score": scores}
    ).write_parquet(folder / "queries.parquet")
    return folder


# --- the assignment ---


def test_a_query_goes_to_the_same_arm_wherever_it_stands() -> None:
    queries = pl.Series([f"user-{number}" for number in range(500)])
    turned = np.random.default_rng(0).permutation(500)
    there, back = assign(code_units(queries), 3), assign(code_units(queries.gather(turned)), 3)
    np.testing.assert_array_equal(there[turned], back)


def test_half_go_to_each_arm_and_another_salt_splits_anew() -> None:
    units = code_units(pl.Series(np.arange(20_000)))
    shares = [assign(units, salt).mean() for salt in range(20)]
    assert all(abs(share - 0.5) < 4 * 0.5 / 20_000**0.5 for share in shares)
    agree = [(assign(units, 0) == assign(units, salt)).mean() for salt in range(1, 20)]
    assert all(abs(share - 0.5) < 4 * 0.5 / 20_000**0.5 for share in agree)


# --- intervals ---


def test_both_intervals_are_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 40), rng.normal(0.3, 3, 25)
    theirs = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    assert t_interval(a, b) == pytest.approx((b.mean() - a.mean(), theirs.low, theirs.high))
    paired = stats.ttest_1samp(b - a[:25], 0).confidence_interval(0.95)
    assert t_interval(a[:25], b, paired=True) == pytest.approx(((b - a[:25]).mean(), paired.low, paired.high))


def draw_scores(rng: np.random.Generator, mean: float, size: int) -> np.ndarray:
    """Reciprocal ranks, most of them 0: nothing like a normal distribution."""
    hit = rng.random(size) < mean / 0.5
    return np.where(hit, 1 / rng.integers(1, 6, size), 0.0)


def expected_score(mean: float) -> float:
    return mean / 0.5 * float(np.mean(1 / np.arange(1, 6)))


def test_intervals_hold_the_true_difference_about_as_often_as_they_say() -> None:
    rng, truth = np.random.default_rng(2), expected_score(0.25) - expected_score(0.2)
    held = np.zeros(200, bool)
    for draw in range(200):
        a, b = draw_scores(rng, 0.2, 400), draw_scores(rng, 0.25, 300)
        interval = t_interval(a, b)
        held[draw] = interval.low <= truth <= interval.high
    assert 0.9 <= held.mean() <= 0.99
    assert t_interval(np.ones(5), np.full(7, 3.0)) == (2, 2, 2)


# --- requests needed ---


def test_the_number_of_requests_by_hand() -> None:
    # (1.959964 + 0.841621)^2 = 7.848880; two arms of variance 1, difference 0.1: 7.848880 * 2 / 0.01 in each arm.
    assert needed_requests(0.1, 2) == pytest.approx(2 * 1_569.776, rel=1e-6)
    assert needed_requests(-0.1, 2) == needed_requests(0.1, 2)
    assert needed_requests(0.05, 2) == pytest.approx(4 * 2 * 1_569.776, rel=1e-6)
    assert needed_requests(0.1, 0.75) == pytest.approx(0.375 * 2 * 1_569.776, rel=1e-6)
    assert needed_requests(0, 2) is None


# --- whole comparisons ---


def test_a_planted_difference_is_found_by_both_ways_and_more_closely_on_the_same_queries() -> None:
    rng = np.random.default_rng(5)
    before = rng.random(4_000)
    result = compare_arms(make_traffic(before, before + 0.1 + rng.normal(0, 0.02, 4_000)), "MRR@5", 0)
    for interval in (result.split, result.paired):
        assert interval.low < 0.1 < interval.high
        assert interval.excludes_zero
    assert result.paired.high - result.paired.low < (result.split.high - result.split.low) / 10
    assert result.requests == 4_000


def test_a_small_difference_is_lost_in_the_split_and_seen_on_the_same_queries() -> None:
    rng = np.random.default_rng(6)
    before = rng.random(2_000)
    result = compare_arms(make_traffic(before, before + (rng.random(2_000) < 0.1) * 0.02), "MRR@5", 0)
    assert result.paired.excludes_zero
    assert not result.split.excludes_zero
    assert 2_000 < (result.needed or 0) < (result.needed_high or 0)
    assert (result.needed_low or 0) < (result.needed or 0)
    assert result.changed == pytest.approx(200, abs=50)


def test_a_run_against_itself_differs_by_chance_alone() -> None:
    scores = draw_scores(np.random.default_rng(7), 0.25, 1_500)
    result = compare_arms(make_traffic(scores, scores), "MRR@5", 0)
    assert sum(result.sizes) == 1_500
    assert result.paired == (0, 0, 0)
    assert result.needed is None
    assert result.changed == 0


# --- two runs on disk ---


def test_two_runs_are_joined_by_query(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    scores = rng.random(600)
    first = write_run(tmp_path / "news" / "a", scores)
    second = write_run(tmp_path / "news" / "b", scores[:500] + 0.2)
    result = replay.replay(first, second, None, 0)
    assert result.requests == 500
    assert result.paired.mean == pytest.approx(0.2)
    assert result.means[1] - result.means[0] == pytest.approx(0.2)
    assert replay.replay(first, second, 100, 0).requests == 100
    assert replay.replay(second, first, None, 0).paired.mean == pytest.approx(-0.2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metric": "score"}, "is measured by MRR@5 and .* by score"),
        ({}, "too few to split"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    changes: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    first = write_run(tmp_path / "a", np.zeros(3))
    second = write_run(tmp_path / "b", np.zeros(3), **changes)
    with pytest.raises(UserError, match=sentence):
        replay.replay(first, second, None, 0)


def test_requests_that_count_more_weigh_more_as_in_the_score_of_the_run() -> None:
    rng = np.random.default_rng(11)
    before, weight = rng.random(400), rng.integers(1, 4, 400).astype(float)
    after = before + np.where(weight > 2, 0.3, -0.1) + rng.normal(0, 0.01, 400)
    traffic = make_traffic(before, after)
    weighted = compare_arms(traffic.with_columns(weight=weight), "MRR@5", 0)
    assert weighted.means == pytest.approx([np.average(before, weights=weight), np.average(after, weights=weight)])
    assert weighted.paired.mean == pytest.approx(np.average(after - before, weights=weight))
    width = float(weighted_error(after - before, weight)) * stats.t.ppf(0.975, 399)
    assert weighted.paired.high - weighted.paired.mean == pytest.approx(width, rel=0.01)
    assert weighted.changed == 400
    alike = compare_arms(traffic.with_columns(weight=np.full(400, 3.0)), "MRR@5", 0)
    assert alike == compare_arms(traffic, "MRR@5", 0)
