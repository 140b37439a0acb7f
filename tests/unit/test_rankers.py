"""The matrix that crosses over to the libraries, and what each ranker must do with a planted signal."""

from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest

from common.metrics import reciprocal_ranks
from common.rankers import Matrix, Ranker, Rows, fit, predict, to_matrix

NAMES = ("noise_a", "planted", "noise_b", "holes")
PER_QUERY = 12
SETTINGS: dict[str, dict[str, Any]] = {
    "lightgbm_lambdarank": {"objective": "lambdarank", "num_leaves": 7, "learning_rate": 0.2, "feature_fraction": 0.75},
    "lightgbm_binary": {"objective": "binary", "num_leaves": 7, "learning_rate": 0.2, "feature_fraction": 0.75},
    "xgboost": {"objective": "rank:ndcg", "max_depth": 3, "learning_rate": 0.3, "subsample": 0.8, "nthread": 1},
    "catboost": {"loss_function": "QuerySoftMax", "depth": 3, "learning_rate": 0.3, "rsm": 0.75, "thread_count": 1},
}
# CatBoost's own default depends on the number of rounds: left out, the rounds of an early stop mean another model.
SETTINGS["catboost"]["leaf_estimation_iterations"] = 2
SETTINGS["lightgbm_lambdarank"]["num_threads"] = SETTINGS["lightgbm_binary"]["num_threads"] = 1
KINDS = list(SETTINGS)


# --- to_matrix ---

NUMBERS = [pl.Float32, pl.Float64, pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_become_float32_and_null_becomes_nan(dtype: type[pl.DataType]) -> None:
    matrix = to_matrix(pl.DataFrame({"x": [7, None, 0], "y": [1, 2, 3]}, schema={"x": dtype, "y": pl.Int32}))
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [[7, 1], [np.nan, 2], [0, 3]])


def test_truth_values_become_ones_and_zeros() -> None:
    matrix = to_matrix(pl.DataFrame({"x": [True, None, False]}))
    np.testing.assert_array_equal(matrix, [[1], [np.nan], [0]])


@pytest.mark.parametrize(
    "values",
    [
        pl.Series(["a", "b"]),
        pl.Series(["a", "b"], dtype=pl.Categorical),
        pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
        pl.Series([1, 2], dtype=pl.Int64),
        pl.Series([1, 2], dtype=pl.UInt64),
        pl.Series([0, 1]).cast(pl.Date),
        pl.Series([0, 1]).cast(pl.Datetime("ms")),
        pl.Series([0, 1]).cast(pl.Duration("ms")),
        pl.Series([[1], [2]]),
        pl.Series([{"a": 1}, {"a": 2}]),
        pl.Series([None, None]),
        pl.Series([b"a", b"b"]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_what_is_not_a_small_number_is_refused_by_name(values: pl.Series) -> None:
    frame = pl.DataFrame({"fine": [1.0, 2.0], "item_odd": values})
    with pytest.raises(TypeError, match=r"encode item_odd \(") as caught:
        to_matrix(frame)
    assert "fine" not in str(caught.value)


def test_every_refused_column_is_named_at_once() -> None:
    with pytest.raises(TypeError, match=r"encode a \(Int64\), c \(String\)"):
        to_matrix(pl.DataFrame({"a": [1], "b": [1.0], "c": ["x"]}))


# --- fit and predict ---


def plant(queries: int, seed: int) -> Rows:
    """One positive a query: mostly the row with the highest ``planted``; ``holes`` is half missing and says nothing."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries * PER_QUERY, len(NAMES))).astype(np.float32)
    pull = features[:, 1].reshape(queries, PER_QUERY) + rng.normal(0, 0.5, (queries, PER_QUERY))
    labels = np.zeros((queries, PER_QUERY), np.float32)
    labels[np.arange(queries), pull.argmax(axis=1)] = 1
    features[rng.random(len(features)) < 0.5, 3] = np.nan
    return Rows(NAMES, features, labels.ravel(), np.full(queries, PER_QUERY, np.int32))


def mrr(scores: np.ndarray, rows: Rows) -> float:
    return float(reciprocal_ranks(scores, rows.labels, rows.sizes, PER_QUERY).mean())


TRAIN, VALID, FRESH = plant(300, 1), plant(100, 2), plant(200, 3)
BEST = mrr(FRESH.features[:, 1].astype(np.float64), FRESH)
CHANCE = float(np.mean(1 / np.arange(1, PER_QUERY + 1)))


def fitted(kind: str, valid: Rows | None, rounds: int, patience: int = 8, seed: int = 5) -> Ranker:
    return fit(kind, SETTINGS[kind], TRAIN, valid, rounds, patience, seed)


@pytest.fixture(scope="module")
def early() -> dict[str, Ranker]:
    return {kind: fitted(kind, VALID, 300) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_signal_is_learned(kind: str, early: dict[str, Ranker]) -> None:
    scores = predict(early[kind], FRESH.features)
    assert scores.shape == (len(FRESH.labels),)
    assert scores.dtype == np.float64
    assert mrr(scores, FRESH) > 0.9 * BEST
    assert BEST > 2 * CHANCE
    assert mrr(-scores, FRESH) < CHANCE


@pytest.mark.parametrize("kind", KINDS)
def test_the_gain_names_the_planted_feature(kind: str, early: dict[str, Ranker]) -> None:
    gain = early[kind].gain
    assert tuple(gain) == NAMES
    assert max(gain, key=gain.__getitem__) == "planted"
    assert min(gain.values()) >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_stops_where_validation_no_longer_rises(kind: str, early: dict[str, Ranker]) -> None:
    assert early[kind].kind == kind
    assert 1 <= early[kind].rounds < 300 - 8


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_round_that_is_best_is_round_one(kind: str) -> None:
    """A single feature that is the label: one tree orders every query, and no later one can do better."""
    rows = Rows(("told",), TRAIN.labels[:, None], TRAIN.labels, TRAIN.sizes)
    ranker = fit(kind, SETTINGS[kind], rows, rows, 40, 10, 1)
    assert ranker.rounds == 1
    assert count_trees(ranker) == 1
    np.testing.assert_array_equal(
        predict(ranker, rows.features), predict(fit(kind, SETTINGS[kind], rows, None, 1, 0, 1), rows.features)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_patience_looks_beyond_a_dip(kind: str) -> None:
    assert fitted(kind, VALID, 300, patience=1).rounds < fitted(kind, VALID, 300, patience=60).rounds


def test_xgboost_stops_at_the_round_of_the_best_mrr_at_5() -> None:
    """Labels that the model knows nothing of: MRR@5 is best at another round than NDCG@5 or MRR at another depth."""
    given = plant(60, 25)
    noise = Rows(NAMES, given.features, np.roll(given.labels.reshape(60, PER_QUERY), 1, axis=1).ravel(), given.sizes)
    longest = fitted("xgboost", None, 40).model
    scores = [predict(Ranker("xgboost", longest[:rounds], rounds, {}), noise.features) for rounds in range(1, 41)]
    best = {
        depth: 1 + int(np.argmax([reciprocal_ranks(each, noise.labels, noise.sizes, depth).mean() for each in scores]))
        for depth in (1, 5, PER_QUERY)
    }
    assert len(set(best.values())) == 3
    assert fitted("xgboost", noise, 40, patience=40).rounds == best[5]


def count_trees(ranker: Ranker) -> int:
    if ranker.kind == "catboost":
        return int(ranker.model.tree_count_)
    if ranker.kind == "xgboost":
        return int(ranker.model.num_boosted_rounds())
    assert isinstance(ranker.model, lightgbm.Booster)
    return ranker.model.num_trees()


@pytest.mark.parametrize("kind", KINDS)
def test_without_validation_the_rounds_are_honoured(kind: str) -> None:
    for rounds in (1, 7):
        ranker = fitted(kind, None, rounds, patience=0)
        assert ranker.rounds == rounds
        assert count_trees(ranker) == rounds


@pytest.mark.parametrize("kind", KINDS)
def test_the_rounds_found_are_the_ones_that_score(kind: str, early: dict[str, Ranker]) -> None:
    again = fitted(kind, None, early[kind].rounds, patience=0)
    np.testing.assert_allclose(predict(again, FRESH.features), predict(early[kind], FRESH.features), rtol=1e-6)
    assert again.gain == pytest.approx(early[kind].gain)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_scores_twice(kind: str, early: dict[str, Ranker]) -> None:
    again = fitted(kind, VALID, 300)
    assert again.rounds == early[kind].rounds
    np.testing.assert_array_equal(predict(again, FRESH.features), predict(early[kind], FRESH.features))
    np.testing.assert_array_equal(predict(again, FRESH.features), predict(again, FRESH.features))


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_gives_other_scores(kind: str) -> None:
    one, other = (predict(fitted(kind, None, 12, seed=seed), FRESH.features) for seed in (5, 6))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_a_row_do_not_depend_on_the_rows_beside_it(kind: str, early: dict[str, Ranker]) -> None:
    part: Matrix = FRESH.features[40:50]
    np.testing.assert_array_equal(predict(early[kind], part), predict(early[kind], FRESH.features)[40:50])


@pytest.mark.parametrize("kind", KINDS)
def test_queries_of_unequal_sizes_are_kept_apart(kind: str) -> None:
    """A row of a small query is right more often, which orders nothing within one: only a pointwise model learns it."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(2, 40, 400).astype(np.int32)
    query = np.repeat(np.arange(400), sizes)
    planted = rng.random(len(query)).astype(np.float32)
    best = np.maximum.reduceat(planted, np.concatenate([[0], np.cumsum(sizes)[:-1]]))
    labels = (planted == best[query]).astype(np.float32)
    rows = Rows(("planted", "size"), np.column_stack([planted, sizes[query]]).astype(np.float32), labels, sizes)
    ranker = fit(kind, SETTINGS[kind], rows, None, 20, 0, 1)
    assert reciprocal_ranks(predict(ranker, rows.features), labels, sizes, 5).mean() > 0.8
    share = ranker.gain["size"] / ranker.gain["planted"]
    assert share > 0.1 if kind == "lightgbm_binary" else share < 0.1
