"""item2vec on planted groups, and the logs from which nothing can be learned."""

import numpy as np
import polars as pl
import pytest

from competitions.news.retrieval import item2vec
from competitions.news.retrieval.item2vec import ItemVectors, learn_item2vec

CLICKS = {"user": pl.Int32, "item": pl.Int32, "time": pl.Int64}


def log(rows: list[tuple[int, int, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CLICKS, orient="row")


def learn(clicks: pl.DataFrame, min_count: int = 1, epochs: int = 5, seed: int = 1) -> ItemVectors:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SIZE": 12, "EPOCHS": epochs, "MIN_COUNT": min_count, "NEGATIVES": 5}.items():
            patch.setattr(item2vec, name, value)
        return learn_item2vec(clicks, seed)


@pytest.fixture(scope="module")
def grouped() -> pl.DataFrame:
    """Users who read items of group 1 (100..159), then of group 2 (200..259). The rows come in no order."""
    rng = np.random.default_rng(0)
    rows = [
        (user, group * 100 + int(rng.integers(60)), 1000 * group + step)
        for user in range(400)
        for group in (1, 2)
        for step in range(8)
    ]
    return log(rows).sample(fraction=1, shuffle=True, seed=1)


def test_items_that_follow_each_other_in_time_lie_together(grouped: pl.DataFrame) -> None:
    learned = learn(grouped, epochs=20)
    assert learned.items.tolist() == [*range(100, 160), *range(200, 260)]
    assert learned.vectors.shape == (120, 12)
    assert learned.items.dtype == np.int32
    assert learned.vectors.dtype == np.float32
    unit = learned.vectors / np.linalg.norm(learned.vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    same = np.equal.outer(learned.items // 100, learned.items // 100)
    assert cosine[same].mean() > cosine[~same].mean() + 0.2
    np.fill_diagonal(cosine, -1)
    assert (learned.items[cosine.argmax(axis=1)] // 100 == learned.items // 100).all()


def test_a_seed_gives_the_same_vectors_and_the_order_of_the_rows_does_not_matter(grouped: pl.DataFrame) -> None:
    first = learn(grouped, epochs=1)
    np.testing.assert_array_equal(first.vectors, learn(grouped.sort("item", "time"), epochs=1).vectors)
    assert not np.array_equal(first.vectors, learn(grouped, epochs=1, seed=2).vectors)


def test_rare_items_get_no_vector() -> None:
    rows = [(user, item, time) for user in range(4) for time, item in enumerate((1, 2))] + [(9, 1, 0), (9, 3, 1)]
    assert learn(log(rows), min_count=4).items.tolist() == [1, 2]
    assert learn(log(rows), min_count=5).items.tolist() == [1]
    assert learn(log(rows), min_count=1).items.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(user, 7, 0) for user in range(9)],  # nobody clicked twice
        [(1, 7, 0), (1, 8, 1)],  # nothing often enough
        [*((user, 7, 0) for user in range(5)), (9, 1, 0), (9, 2, 1)],  # often, but only in logs of a single click
    ],
)
def test_a_log_without_sequences_gives_no_vectors(rows: list[tuple[int, int, int]]) -> None:
    learned = learn(log(rows), min_count=3)
    assert learned.items.shape == (0,)
    assert learned.vectors.shape == (0, 12)
    assert learned.items.dtype == np.int32
    assert learned.vectors.dtype == np.float32
