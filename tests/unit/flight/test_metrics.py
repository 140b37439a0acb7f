"""HitRate@k by hand, and the classes of sizes."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from competitions.flight.metrics import classify_size, measure

Measured = tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int32]]


def ranked(*sessions: tuple[int, int]) -> Measured:
    """Scores, labels and sizes of sessions of (size, rank of the booked option); the booked stands in the middle."""
    scores, labels = [], []
    for size, rank in sessions:
        falling = list(range(size, 0, -1))
        booked = falling.pop(rank - 1)
        middle = size // 2
        scores += [*falling[:middle], booked, *falling[middle:]]
        labels += [*[0] * middle, 1, *[0] * (size - middle - 1)]
    return np.array(scores, float), np.array(labels, np.float32), np.array([size for size, _ in sessions], np.int32)


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_a_session_that_is_judged_again_counts_as_one(repeats: int) -> None:
    """Two of five scored sessions hit, each time; that of ten options counts nowhere."""
    assert set(measure(*ranked((10, 1))).values()) == {0}
    once = ((11, 1), (12, 3), (30, 4), (30, 5), (200, 9), (10, 1))
    searches = np.tile(np.arange(6), repeats)
    rates, plain = measure(*ranked(*once * repeats), searches), measure(*ranked(*once))
    assert rates == pytest.approx(plain)
    assert rates["searches"] == 5
    assert rates["error"] == pytest.approx((0.4 * 0.6 / 5) ** 0.5)


def test_classes_of_sizes_reach_from_edge_to_edge() -> None:
    sizes = pl.DataFrame({"size": [1, 10, 11, 27, 28, 160, 161, 9000]})
    named = sizes.select(classify_size(pl.col("size"))).to_series().to_list()
    assert named == ["up to 10", "up to 10", "11-27", "11-27", "28-160", "28-160", "161+", "161+"]
