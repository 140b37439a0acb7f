"""What is known of an ad at a time, computed by hand."""

import numpy as np
import pytest

from competitions.tencent.corpus import Catalogue
from competitions.tencent.features.forecast import FADES_H, FLOOR, AdStatistics, compute_statistics, mean_by_value
from competitions.tencent.sequences import whole
from tests.unit.tencent.training_inputs import make_sequences

HOUR = 3_600
# Ads 1 and 2 share a value, ad 3, never shown, has another; ad 4 was shown long ago.
CATALOGUE = Catalogue(np.arange(5), np.array([[0], [1], [1], [2], [2]], np.int32), 4, (2,))
NOW = 300 * HOUR
LOG = make_sequences(
    [(4, 0, NOW - 100 * HOUR), (1, 0, NOW - 10 * HOUR), (1, 1, NOW - HOUR)],
    [(2, -1, NOW - 5 * HOUR), (2, 0, NOW - 2 * HOUR)],
    [(1, 0, NOW - 1)],
)


def own_of(statistics: AdStatistics, name: str) -> list[float]:
    return [round(float(value), 4) for value in statistics.own[:, statistics.names.index(name)]]


def rounded(*values: float) -> list[float]:
    return [round(float(value), 4) for value in values]


@pytest.fixture(scope="module")
def statistics() -> AdStatistics:
    return compute_statistics(whole(LOG), CATALOGUE, times=True)


@pytest.mark.parametrize("fade", FADES_H)
def test_events_fade(fade: float, statistics: AdStatistics) -> None:
    def fade_sum(*ages: float) -> float:
        return float(np.log(sum(np.exp(-age / fade) for age in ages) + FLOOR))

    expected = rounded(np.log(FLOOR), fade_sum(10, 1, 1 / HOUR), fade_sum(5, 2), np.log(FLOOR), fade_sum(100))
    assert own_of(statistics, f"events faded by {fade:g} h") == pytest.approx(expected, abs=2e-4)


def test_clicks_fade_apart(statistics: AdStatistics) -> None:
    nothing = np.log(FLOOR)
    expected = rounded(nothing, np.log(np.exp(-1 / 30) + FLOOR), nothing, nothing, nothing)
    assert own_of(statistics, "clicks faded") == pytest.approx(expected, abs=2e-4)


def test_events_age_and_idleness_are_logarithms(statistics: AdStatistics) -> None:
    assert statistics.events.tolist() == [0, 3, 2, 0, 1]
    assert own_of(statistics, "events") == rounded(0, np.log(4), np.log(3), 0, np.log(2))
    assert own_of(statistics, "age") == rounded(0, np.log(11), np.log(6), 0, np.log(101))
    assert own_of(statistics, "idle") == rounded(0, np.log1p(1 / HOUR), np.log(3), 0, np.log(101))
    assert own_of(statistics, "unseen") == [1, 0, 0, 1, 0]


def test_ads_of_a_value_tell_of_each_other(statistics: AdStatistics) -> None:
    # Last day's events, of ads shown within 72 h (1 and 2, with 3 and 2 events): the mean is 2.5; the shrinkage adds
    # five ads with it. Code 2 has none alive. In all: of ads younger than 240 h (1, 2, 4) the mean logarithm.
    lasting = np.log([4.0, 3.0, 2.0])
    mean = lasting.mean()
    shown, unknown = (5 + 5 * 2.5) / 7, 2.5
    total, other = (lasting[:2].sum() + 5 * mean) / 7, (lasting[2] + 5 * mean) / 6
    expected = np.log(np.array([[shown, total], [shown, total], [unknown, other], [unknown, other]]) + 1e-3)
    assert statistics.values.dtype == np.float32
    np.testing.assert_allclose(statistics.values[1:], expected, rtol=1e-5)


def test_a_rate_is_pulled_to_the_mean_of_all() -> None:
    codes, values = np.array([1, 1, 2, 3]), np.array([4.0, 2.0, 0.0, 9.0])
    rates = mean_by_value(codes, values, np.array([True, True, True, False]))
    np.testing.assert_allclose(rates, [16 / 7, 16 / 7, 10 / 6, 2.0])  # the mean of the first three is 2
    assert mean_by_value(codes, values, np.zeros(4, bool)).tolist() == [0.0] * 4
