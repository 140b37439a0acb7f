"""Mixtures by the size of the query: planted models that are right for small or for large ones, and honest scores."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from common.learning.listwise_softmax import fit_temperatures, softmax_within
from common.learning.metrics import reciprocal_ranks
from competitions.flight.ranking.size_bucket_blending import (
    BucketBlend,
    BucketSearch,
    apply_buckets,
    average_units,
    fit_weights,
    hits,
    search_buckets,
)

MODULE = "competitions.flight.ranking.size_bucket_blending"
Array = NDArray[np.float64]
Data = tuple[Array, NDArray[np.float32], NDArray[np.int32]]


def ints(*values: int) -> NDArray[np.int32]:
    return np.array(values, np.int32)


def marks(*values: int) -> NDArray[np.float32]:
    return np.array(values, np.float32)


# --- hits ---


def test_a_hit_is_a_positive_among_the_first_k() -> None:
    scores = np.array([0.3, 0.2, 0.1, 0.9, 0.1, 0.5, 0.4])
    labels, sizes = marks(0, 1, 0, 0, 0, 0, 1), ints(3, 2, 2)
    assert hits(scores, labels, sizes, 1).tolist() == [0, 0, 0]
    assert hits(scores, labels, sizes, 2).tolist() == [1, 0, 1]  # the second query has no positive


def test_a_tie_counts_against_the_positive() -> None:
    assert hits(np.array([1.0, 1.0, 0.0]), marks(1, 0, 0), ints(3), 1).tolist() == [0]
    assert hits(np.array([1.0, 1.0, 0.0]), marks(1, 0, 0), ints(3), 2).tolist() == [1]
    assert hits(np.empty(0), marks(), ints(), 3).tolist() == []


# --- apply ---


def test_each_query_is_mixed_with_its_buckets_weights_by_hand() -> None:
    blend = BucketBlend((1.0, 2.0), (2, 3), ((1.0, 0.0), (0.25, 0.75), (0.0, 1.0)), "buckets", {}, {"buckets": 0.5}, 9)
    raw = np.array([[3.0, 1], [1, 1], [1, 2], [1, 1], [2, 1], [1, 1], [1, 1], [1, 1], [1, 3]])
    expected = [
        *(3 / 4, 1 / 4),  # two rows: the first model
        *(0.25 / 4 + 0.75 * 4 / 6, 0.25 / 4 + 0.75 / 6, 0.5 / 4 + 0.75 / 6),  # three rows: both
        *(1 / 12, 1 / 12, 1 / 12, 9 / 12),  # four rows: the second model, its scores doubled
    ]
    np.testing.assert_allclose(apply_buckets(blend, np.log(raw), ints(2, 3, 4)), expected)
    assert blend.hit_rate == 0.5


def test_one_bucket_takes_every_size() -> None:
    blend = BucketBlend((1.0,), (), ((1.0,),), "equal", {}, {"equal": 0.0}, 0)
    scores, sizes = np.random.default_rng(0).normal(size=(30, 1)), ints(1, 9, 20)
    np.testing.assert_allclose(apply_buckets(blend, scores, sizes), softmax_within(scores[:, 0], sizes))
    assert len(apply_buckets(blend, np.empty((0, 1)), ints())) == 0


# --- the weights of a mixture ---


@pytest.mark.parametrize("seed", range(4))
def test_the_weights_of_a_mixture_are_the_likeliest(seed: int) -> None:
    """As a general optimiser finds them, the models' probabilities of the positives being anything."""
    rng = np.random.default_rng(seed)
    probabilities = rng.beta(1, 3, size=(60, 3)) * [1.0, 0.9, 0.5 + seed / 4]
    found = fit_weights(probabilities)
    assert found.sum() == pytest.approx(1)
    best = minimize(
        lambda free: -np.log(probabilities @ (np.exp(free) / np.exp(free).sum())).sum(), np.zeros(3), tol=1e-12
    )
    expected = np.exp(best.x) / np.exp(best.x).sum()
    assert np.log(probabilities @ found).mean() == pytest.approx(np.log(probabilities @ expected).mean(), abs=1e-6)
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_the_weights_of_two_models_are_those_of_a_fine_grid() -> None:
    probabilities = np.array([[0.5, 0.1], [0.2, 0.6], [0.3, 0.3], [0.9, 0.2], [0.05, 0.4]])
    grid = np.linspace(0, 1, 10_001)
    likelihoods = np.log(np.outer(probabilities[:, 0], grid) + np.outer(probabilities[:, 1], 1 - grid)).sum(axis=0)
    assert fit_weights(probabilities)[0] == pytest.approx(grid[likelihoods.argmax()], abs=2e-4)


def test_a_model_that_is_better_in_every_query_has_all_the_weight() -> None:
    assert fit_weights(np.array([[0.5, 0.1], [0.2, 0.1], [0.9, 0.0]]))[0] == pytest.approx(1, abs=1e-3)
    assert fit_weights(np.array([[0.0, 0.0], [0.5, 0.5]])).tolist() == [0.5, 0.5]  # impossible: nobody is to blame
    assert fit_weights(np.empty((0, 4))).tolist() == [0.25] * 4


def test_units_are_averaged_each_by_itself() -> None:
    assert average_units(np.array([1.0, 5.0, 3.0, 7.0]), np.array([1, 0, 1, 2])).tolist() == [5, 2, 7]


# --- search ---


def plant(sizes: NDArray[np.int32], strengths: Array, seed: int) -> Data:
    """One positive a query; model m adds ``strengths[query, m]`` to the positive's otherwise random score."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(sizes) - sizes
    labels = np.zeros(sizes.sum(), np.float32)
    labels[starts + rng.integers(0, sizes)] = 1
    scores = rng.normal(size=(len(labels), strengths.shape[1])) + labels[:, None] * np.repeat(strengths, sizes, axis=0)
    return scores, labels, sizes


def search(data: Data, bucket_queries: int = 100, k: int = 3, min_size: int = 10) -> BucketBlend:
    return search_buckets(*data, BucketSearch(k, bucket_queries, min_size))


def split_world(seed: int = 1) -> Data:
    """The first model knows the small queries, the second the large ones; each is loud where it knows nothing."""
    sizes = np.where(np.arange(400) % 4 < 2, 12, 40).astype(np.int32)
    small = (sizes == 12)[:, None]
    scores, labels, _ = plant(sizes, np.where(small, [2.0, 0.0], [0.0, 3.0]), seed)
    return scores, labels, sizes


def test_each_size_gets_the_model_that_is_right_for_it() -> None:
    blend = search(split_world())
    assert blend.method == "buckets"
    assert blend.edges == (12,)
    assert blend.weights[0][0] > 0.6
    assert blend.weights[1][1] > 0.6
    assert blend.likelihoods["buckets"] > blend.likelihoods["global"] + 0.03
    assert blend.likelihoods["buckets"] > max(blend.likelihoods["model 0"], blend.likelihoods["model 1"]) + 0.1
    scores, labels, sizes = split_world(2)
    fresh = apply_buckets(blend, scores, sizes)
    assert hits(fresh, labels, sizes, 3).mean() == pytest.approx(blend.hit_rate, abs=0.08)
    assert np.log(fresh[labels > 0]).mean() == pytest.approx(blend.likelihoods["buckets"], abs=0.2)


def test_weights_sum_to_one_and_there_is_a_row_for_each_bucket() -> None:
    blend = search(split_world(), 60)
    assert len(blend.weights) == len(blend.edges) + 1
    np.testing.assert_allclose(np.sum(blend.weights, axis=1), 1)
    assert np.min(blend.weights) > -1e-12


@pytest.mark.parametrize(("bucket_queries", "own"), [(200, 1 / 2), (100, 2 / 3), (50, 4 / 5)])
def test_a_bucket_is_drawn_towards_the_global_weights(bucket_queries: int, own: float) -> None:
    """Two buckets of 200 queries, whose likeliest weights are the first and the second model; globally half each."""
    answers = itertools.cycle([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "competitions.flight.ranking.size_bucket_blending._cut_sizes", lambda sizes, bucket_queries: (12,)
        )
        patch.setattr(
            "competitions.flight.ranking.size_bucket_blending.fit_weights", lambda given: np.array(next(answers))
        )
        blend = search(split_world(), bucket_queries)
    assert blend.method == "buckets"
    high, low = (1 + own) / 2, (1 - own) / 2
    np.testing.assert_allclose(blend.weights[0], [high, low], atol=0.01)  # the halves have about 100 queries
    np.testing.assert_allclose(blend.weights[1], [low, high], atol=0.01)


def test_the_weights_of_all_queries_are_the_likeliest_at_the_models_temperatures() -> None:
    scores, labels, sizes = plant(np.full(300, 12, np.int32), np.tile([1.5, 1.0, 0.0], (300, 1)), 6)
    blend = search((scores, labels, sizes), 10**6)
    temperatures = fit_temperatures(scores, labels, sizes)
    np.testing.assert_allclose(blend.temperatures, temperatures)
    assert blend.method == "global"
    expected = fit_weights(softmax_within(scores * temperatures, sizes)[labels > 0])
    np.testing.assert_allclose(blend.weights, [expected])


def test_buckets_hold_enough_queries_each() -> None:
    sizes = np.repeat([11, 12, 13, 20, 30, 31], [50, 70, 30, 100, 60, 39]).astype(np.int32)
    data = plant(sizes, np.ones((len(sizes), 2)), 3)
    assert search(data, 99).edges == (12, 20)  # 120, 130 and 99 queries
    assert search(data, 100).edges == (12,)  # the last 99 are too few
    assert search(data, 120).edges == (12,)
    assert search(data, 121).edges == (13,)
    assert search(data, 130).edges == (13,)
    assert search(data, 180).edges == ()


def test_small_queries_do_not_count() -> None:
    """In queries of ten rows the second model is perfect; that must not be seen, and with a smaller bound it is."""
    large = plant(np.full(150, 20, np.int32), np.tile([1.5, 0.0], (150, 1)), 4)
    small = plant(np.full(300, 10, np.int32), np.tile([0.0, 50.0], (300, 1)), 5)
    data = np.vstack([small[0], large[0]]), np.append(small[1], large[1]), np.append(small[2], large[2])
    blend = search(data, 10**6)
    alone = search(large, 10**6)
    assert blend == alone
    assert blend.queries == 150
    counted = search(data, 10**6, min_size=9)
    assert counted.queries == 450
    assert counted.hit_rates["model 1"] > blend.hit_rates["model 1"] + 0.3


# --- honesty ---


def test_a_single_models_rate_is_its_own() -> None:
    scores, labels, sizes = split_world()
    blend = search((scores, labels, sizes))
    for model in (0, 1):
        expected = (reciprocal_ranks(scores[:, model].copy(), labels, sizes, 3) > 0).mean()
        assert blend.hit_rates[f"model {model}"] == pytest.approx(expected)
    assert list(blend.hit_rates) == list(blend.likelihoods) == ["equal", "global", "buckets", "model 0", "model 1"]
    assert blend.likelihoods[blend.method] == max(blend.likelihoods.values())


def test_the_likelihoods_are_free_of_the_fits_own_optimism() -> None:
    """On noise fitted weights and temperatures look better than chance where they were fitted, not where judged."""
    judged, looked = [], []
    for seed in range(6):
        scores, labels, sizes = plant(np.full(40, 12, np.int32), np.zeros((40, 4)), 20 + seed)
        judged.append(search((scores, labels, sizes), 20).likelihoods["global"])
        even = softmax_within(scores * fit_temperatures(scores, labels, sizes), sizes)[labels > 0]
        looked.append(np.log(even @ fit_weights(even)).mean())
    assert np.mean(looked) > np.log(1 / 12) > np.mean(judged)


def judge_by_hand(data: Data, method: str, units: NDArray[np.int64]) -> Array:
    """The log likelihood of every query's positive where the method is fitted on the units of the other parity."""
    scores, labels, sizes = data
    likelihoods = np.zeros(len(sizes))
    query = np.repeat(np.arange(len(sizes)), sizes)
    for parity in (0, 1):
        fitted = (units % 2 == parity)[query]
        own = scores[fitted], labels[fitted], sizes[units % 2 == parity]
        temperatures = fit_temperatures(*own)
        weights = np.full(scores.shape[1], 1 / scores.shape[1])
        if method == "global":
            weights = fit_weights(softmax_within(own[0] * temperatures, own[2])[own[1] > 0])
        mixed = softmax_within(scores * temperatures, sizes) @ weights
        likelihoods[units % 2 != parity] = np.log(mixed[labels > 0])[units % 2 != parity]
    return likelihoods


def repeat(data: Data, times: int) -> tuple[Data, NDArray[np.int64]]:
    """The queries again and again, with other scores, and the unit of each (numbers that need not begin at 0)."""
    scores, labels, sizes = data
    noise = np.random.default_rng(9).normal(0, 0.5, (times, *scores.shape))
    units = np.tile(100 + 3 * np.arange(len(sizes)), times)
    return (np.vstack(list(scores + noise)), np.tile(labels, times), np.tile(sizes, times)), units


def test_a_query_that_is_judged_again_stays_in_its_half() -> None:
    data, units = repeat(plant(np.full(41, 12, np.int32), np.tile([1.0, 0.3], (41, 1)), 8), 3)
    blend = search_buckets(*data, BucketSearch(3, 10**6), units)
    rank = (units - 100) // 3
    for method in ("equal", "global"):
        assert blend.likelihoods[method] == pytest.approx(judge_by_hand(data, method, rank).mean())
    apart = search_buckets(*data, BucketSearch(3, 10**6))
    assert apart.likelihoods["global"] != pytest.approx(blend.likelihoods["global"], abs=1e-9)


@pytest.mark.parametrize("strength", [0.1, 0.3, 0.5, 0.7, 0.9, 1.2, 2.0])
def test_equal_weights_are_kept_unless_beaten_by_two_standard_errors(strength: float) -> None:
    data = plant(np.full(60, 12, np.int32), np.tile([strength, 0.0], (60, 1)), 11)
    blend = search(data, 10**6)
    units = np.arange(60)
    gain = judge_by_hand(data, "global", units) - judge_by_hand(data, "equal", units)
    clear = gain.mean() > 2 * gain.std() / 60**0.5
    if clear:
        assert blend.method != "equal"
    if blend.method == "global":
        assert clear


def test_a_strong_model_is_clear_and_a_weak_one_is_not() -> None:
    weak, strong = (
        search(plant(np.full(60, 12, np.int32), np.tile([each, 0.0], (60, 1)), 11), 10**6) for each in (0.1, 2.0)
    )
    assert weak.method == "equal"
    assert weak.weights == ((0.5, 0.5),)
    assert strong.method != "equal"
    assert strong.weights[0][0] > 0.6


def test_judging_again_makes_no_gain_clear() -> None:
    """Nine times the same queries: without units nine times the evidence, with them as much as once."""
    found = False
    for seed in range(40):
        scores, labels, sizes = plant(np.full(40, 12, np.int32), np.tile([0.6, 0.2], (40, 1)), seed)
        again = np.tile(scores, (9, 1)), np.tile(labels, 9), np.tile(sizes, 9)
        units = np.tile(np.arange(40), 9)
        once, told = search((scores, labels, sizes), 10**6), search_buckets(*again, BucketSearch(3, 10**6), units)
        assert told.method == once.method
        found = found or (once.method == "equal" and search(again, 10**6).method != "equal")
        if found:
            break
    assert found


def test_a_useless_companion_leaves_the_good_model_in_front() -> None:
    data = plant(np.full(300, 15, np.int32), np.tile([2.0, 0.0, 0.0], (300, 1)), 30)
    blend = search(data, 10**6)
    scores, labels, sizes = plant(np.full(300, 15, np.int32), np.tile([2.0, 0.0, 0.0], (300, 1)), 31)
    mixed = hits(apply_buckets(blend, scores, sizes), labels, sizes, 3).mean()
    assert mixed > hits(scores[:, 0].copy(), labels, sizes, 3).mean() - 0.02
    assert blend.weights[0][0] > 0.6


def test_of_equal_methods_the_first_is_taken() -> None:
    """Two models that are the same: every method has the same hits."""
    scores, labels, sizes = plant(np.full(60, 12, np.int32), np.ones((60, 1)), 32)
    blend = search((np.hstack([scores, scores]), labels, sizes), 20)
    assert len(set(blend.hit_rates.values())) == 1
    assert blend.method == "equal"
    assert set(blend.weights) == {(0.5, 0.5)}


def test_scale_and_shift_of_a_models_scores_do_not_matter() -> None:
    scores, labels, sizes = split_world()
    moved = scores * [8.0, 0.125] + np.repeat(np.arange(400), sizes)[:, None]
    blend, same = search((scores, labels, sizes)), search((moved, labels, sizes))
    np.testing.assert_allclose(blend.weights, same.weights, atol=1e-3)
    assert same.hit_rates == pytest.approx(blend.hit_rates, abs=0.006)
    np.testing.assert_allclose(np.array(blend.temperatures) / same.temperatures, [8, 0.125], rtol=1e-3)
    np.testing.assert_allclose(
        apply_buckets(same, moved, sizes), apply_buckets(blend, scores, sizes), rtol=1e-2, atol=1e-4
    )


def test_nothing_is_left_to_chance() -> None:
    assert search(split_world()) == search(split_world())


def test_queries_without_a_positive_and_no_queries_at_all() -> None:
    scores, labels, sizes = split_world()
    blend = search((scores, np.zeros_like(labels), sizes))
    assert blend.method == "equal"
    assert set(blend.hit_rates.values()) == set(blend.likelihoods.values()) == {0.0}
    np.testing.assert_allclose(blend.weights, 0.5)
    none = search((np.empty((0, 2)), marks(), ints()))
    assert none.weights == ((0.5, 0.5),)
    assert (none.queries, none.hit_rate) == (0, 0.0)
    one = search(plant(ints(15), np.array([[5.0, 5.0]]), 34))
    assert one.queries == 1


def test_half_without_a_positive_halves_the_rates_and_the_likelihoods() -> None:
    scores, labels, sizes = split_world()
    full = search((scores, labels, sizes), 10**6)
    silent = np.concatenate([labels, np.zeros_like(labels)])
    half = search((np.vstack([scores, scores]), silent, np.concatenate([sizes, sizes])), 10**6)
    assert half.hit_rates["model 0"] == pytest.approx(full.hit_rates["model 0"] / 2)
    assert half.hit_rates["equal"] == pytest.approx(full.hit_rates["equal"] / 2, abs=0.01)
    assert half.likelihoods["equal"] == pytest.approx(full.likelihoods["equal"] / 2, abs=0.01)
