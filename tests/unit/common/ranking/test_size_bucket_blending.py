"""Mixtures by the size of the query: planted models that are right for small or for large ones, and honest scores."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from common.metrics import reciprocal_ranks
from common.ranking.listwise_softmax import fit_temperatures, softmax_within
from common.ranking.size_bucket_blending import (
    LIKELIHOOD_SHARE,
    BucketBlend,
    BucketSearch,
    apply_buckets,
    hits,
    search_buckets,
)

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
    blend = BucketBlend((1.0, 2.0), (2, 3), ((1.0, 0.0), (0.25, 0.75), (0.0, 1.0)), "buckets", {"buckets": 0.5}, 9)
    raw = np.array([[3.0, 1], [1, 1], [1, 2], [1, 1], [2, 1], [1, 1], [1, 1], [1, 1], [1, 3]])
    expected = [
        *(3 / 4, 1 / 4),  # two rows: the first model
        *(0.25 / 4 + 0.75 * 4 / 6, 0.25 / 4 + 0.75 / 6, 0.5 / 4 + 0.75 / 6),  # three rows: both
        *(1 / 12, 1 / 12, 1 / 12, 9 / 12),  # four rows: the second model, its scores doubled
    ]
    np.testing.assert_allclose(apply_buckets(blend, np.log(raw), ints(2, 3, 4)), expected)
    assert blend.hit_rate == 0.5


def test_one_bucket_takes_every_size() -> None:
    blend = BucketBlend((1.0,), (), ((1.0,),), "equal", {"equal": 0.0}, 0)
    scores, sizes = np.random.default_rng(0).normal(size=(30, 1)), ints(1, 9, 20)
    np.testing.assert_allclose(apply_buckets(blend, scores, sizes), softmax_within(scores[:, 0], sizes))
    assert len(apply_buckets(blend, np.empty((0, 1)), ints())) == 0


# --- search ---


def plant(sizes: NDArray[np.int32], strengths: Array, seed: int) -> Data:
    """One positive a query; model m adds ``strengths[query, m]`` to the positive's otherwise random score."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(sizes) - sizes
    labels = np.zeros(sizes.sum(), np.float32)
    labels[starts + rng.integers(0, sizes)] = 1
    scores = rng.normal(size=(len(labels), strengths.shape[1])) + labels[:, None] * np.repeat(strengths, sizes, axis=0)
    return scores, labels, sizes


def search(data: Data, bucket_queries: int = 100, trials: int = 20, k: int = 3, min_size: int = 10) -> BucketBlend:
    return search_buckets(*data, BucketSearch(trials, 0, k, bucket_queries, min_size))


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
    assert blend.hit_rates["buckets"] > blend.hit_rates["global"] + 0.03
    assert blend.hit_rates["buckets"] > max(blend.hit_rates["model 0"], blend.hit_rates["model 1"]) + 0.1
    scores, labels, sizes = split_world(2)
    rate, fresh = blend.hit_rate, hits(apply_buckets(blend, scores, sizes), labels, sizes, 3).mean()
    assert fresh == pytest.approx(rate, abs=0.08)


def test_weights_sum_to_one_and_there_is_a_row_for_each_bucket() -> None:
    blend = search(split_world(), 60)
    assert len(blend.weights) == len(blend.edges) + 1
    np.testing.assert_allclose(np.sum(blend.weights, axis=1), 1)
    assert np.min(blend.weights) > -1e-12


@pytest.mark.parametrize(("bucket_queries", "own"), [(200, 1 / 2), (100, 2 / 3), (50, 4 / 5)])
def test_a_bucket_is_drawn_towards_the_global_weights(bucket_queries: int, own: float) -> None:
    """Two buckets of 200 queries, for which the search says the first and the second model; globally half and half."""
    answers = itertools.cycle([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
    starts_tried: list[int] = []

    def answer(judge: object, starts: Sequence[Array], trials: int, seed: int) -> Array:
        starts_tried.append(len(starts))
        if len(starts) == 4:
            assert starts[3].tolist() == [0.5, 0.5]  # the global weights are tried in every bucket
        return np.array(next(answers))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.ranking.size_bucket_blending._cut_sizes", lambda sizes, bucket_queries: (12,))
        patch.setattr("common.ranking.size_bucket_blending.search_shares", answer)
        blend = search(split_world(), bucket_queries)
    assert starts_tried == [3, 4, 4] * 3
    assert blend.method == "buckets"
    high, low = (1 + own) / 2, (1 - own) / 2
    np.testing.assert_allclose(blend.weights, [[high, low], [low, high]])


def test_buckets_hold_enough_queries_each() -> None:
    sizes = np.repeat([11, 12, 13, 20, 30, 31], [50, 70, 30, 100, 60, 39]).astype(np.int32)
    data = plant(sizes, np.ones((len(sizes), 2)), 3)
    assert search(data, 99, trials=3).edges == (12, 20)  # 120, 130 and 99 queries
    assert search(data, 100, trials=3).edges == (12,)  # the last 99 are too few
    assert search(data, 120, trials=3).edges == (12,)
    assert search(data, 121, trials=3).edges == (13,)
    assert search(data, 130, trials=3).edges == (13,)
    assert search(data, 180, trials=3).edges == ()


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
    assert list(blend.hit_rates) == ["equal", "global", "buckets", "model 0", "model 1"]
    assert blend.hit_rate == max(blend.hit_rates.values())


def test_the_rates_are_free_of_the_searchs_own_optimism() -> None:
    """On pure noise the searched weights look better than chance where they were found, not where they are judged."""
    rates, looked = [], []
    for seed in range(5):
        data = plant(np.full(60, 12, np.int32), np.zeros((60, 4)), 20 + seed)
        blend = search(data, 30, trials=25)
        rates.append([blend.hit_rates["global"], blend.hit_rates["buckets"]])
        looked.append(search_on_all(data))
    assert np.mean(rates) == pytest.approx(3 / 12, abs=0.06)  # standard error 0.025
    assert np.mean(looked) > np.mean(rates) + 0.05


def search_on_all(data: Data) -> float:
    """The hit rate of the best of 200 random weights on the queries that chose it."""
    scores, labels, sizes = data
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 200)
    return max(float(hits(softmax_within(scores, sizes) @ share, labels, sizes, 3).mean()) for share in shares)


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
    np.testing.assert_allclose(blend.weights, same.weights, atol=1e-6)
    assert same.hit_rates == blend.hit_rates
    np.testing.assert_allclose(np.array(blend.temperatures) / same.temperatures, [8, 0.125], rtol=1e-3)
    np.testing.assert_allclose(
        apply_buckets(same, moved, sizes), apply_buckets(blend, scores, sizes), rtol=1e-2, atol=1e-9
    )


def spy_on_judge(data: Data, k: int) -> Callable[[Array], float]:
    """The objective that the global search is given for all queries."""
    judges: list[Callable[[Array], float]] = []

    def answer(judge: Callable[[Array], float], starts: Sequence[Array], trials: int, seed: int) -> Array:
        judges.append(judge)
        return np.full(len(starts[0]), 1 / len(starts[0]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.ranking.size_bucket_blending.search_shares", answer)
        search(data, 10**6, k=k, min_size=1)
    return judges[-1]


def test_the_objective_is_the_hit_rate_and_a_share_of_the_likelihood() -> None:
    """The rows that no weights can move are counted once: any weights must still give the hits of the mixture."""
    data = plant(np.random.default_rng(0).integers(2, 30, 80).astype(np.int32), np.ones((80, 3)), 33)
    scores, labels, sizes = data
    scores[: sizes[0]] = 0.0  # a query whose rows are all tied
    judge = spy_on_judge(data, 3)
    mixture = softmax_within(scores * fit_temperatures(scores, labels, sizes), sizes)
    for weights in [*np.random.default_rng(1).random((20, 3)), *np.eye(3)]:
        mixed = mixture @ (weights / weights.sum())
        expected = hits(mixed, labels, sizes, 3).mean() + LIKELIHOOD_SHARE * np.log(mixed[labels > 0]).mean()
        assert judge(weights) == pytest.approx(expected)


def test_a_tie_that_only_the_mixture_makes_counts_against_the_positive() -> None:
    scores = np.array([[0.0, 1.0], [1.0, 0.0]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.ranking.size_bucket_blending.fit_temperatures", lambda scores, labels, sizes: np.ones(2))
        judge = spy_on_judge((scores, marks(1, 0), ints(2)), 1)
    assert judge(np.array([1.0, 1.0])) < 0 < judge(np.array([0.4, 0.6]))


def test_a_flat_hit_rate_is_decided_by_the_likelihood() -> None:
    """With k beyond every rank all weights hit; those that give the positives more are still better."""
    judge = spy_on_judge(plant(np.full(200, 12, np.int32), np.tile([0.0, 2.5], (200, 1)), 33), 12)
    assert judge(np.array([0.1, 0.9])) > judge(np.array([0.5, 0.5])) > judge(np.array([0.9, 0.1]))


def test_a_seed_gives_the_same_blend() -> None:
    assert search(split_world()) == search(split_world())


def test_queries_without_a_positive_and_no_queries_at_all() -> None:
    scores, labels, sizes = split_world()
    blend = search((scores, np.zeros_like(labels), sizes), trials=3)
    assert blend.method == "equal"
    assert set(blend.hit_rates.values()) == {0.0}
    np.testing.assert_allclose(blend.weights, 0.5)
    none = search((np.empty((0, 2)), marks(), ints()), trials=3)
    assert none.weights == ((0.5, 0.5),)
    assert (none.queries, none.hit_rate) == (0, 0.0)
    one = search(plant(ints(15), np.array([[5.0, 5.0]]), 34), trials=3)
    assert one.queries == 1


def test_half_without_a_positive_halves_the_rates() -> None:
    scores, labels, sizes = split_world()
    full = search((scores, labels, sizes), 10**6)
    silent = np.concatenate([labels, np.zeros_like(labels)])
    half = search((np.vstack([scores, scores]), silent, np.concatenate([sizes, sizes])), 10**6)
    assert half.hit_rates["model 0"] == pytest.approx(full.hit_rates["model 0"] / 2)
    assert half.hit_rates["equal"] == pytest.approx(full.hit_rates["equal"] / 2, abs=0.01)
