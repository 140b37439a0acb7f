"""What each ranker must do with a planted signal."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.engine.errors import UserError
from common.learning.dataset import ColumnsError, RankingDataset, gather
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, fit, predict, refit, score_rows, shorten
from common.learning.listwise_softmax import log_likelihoods
from common.learning.metrics import reciprocal_ranks

NAMES = ("noise_a", "planted", "noise_b", "holes")
PER_QUERY = 12
SETTINGS: dict[str, dict[str, Any]] = {
    "lightgbm_lambdarank": {"objective": "lambdarank", "num_leaves": 7, "learning_rate": 0.2, "num_threads": 1},
    "lightgbm_softmax": {"num_leaves": 7, "learning_rate": 0.2, "feature_fraction": 0.75, "num_threads": 1},
    "xgboost": {"objective": "rank:ndcg", "max_depth": 3, "learning_rate": 0.3, "subsample": 0.8, "nthread": 1},
    # CatBoost's own default of the last depends on the number of rounds: of an early stop these mean another model.
    "catboost": {"loss_function": "QuerySoftMax", "depth": 3, "learning_rate": 0.3, "leaf_estimation_iterations": 2},
}
SOFTMAX = ["lightgbm_softmax", "catboost"]
FAMILIES = ["lightgbm_lambdarank", "xgboost", "catboost"]


# --- fit and predict ---


def plant(queries: int, seed: int) -> RankingDataset:
    """One positive a query: mostly the row with the highest ``planted``; ``holes`` is half missing and says nothing."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries * PER_QUERY, len(NAMES))).astype(np.float32)
    pull = features[:, 1].reshape(queries, PER_QUERY) + rng.normal(0, 0.5, (queries, PER_QUERY))
    labels = np.zeros((queries, PER_QUERY), np.float32)
    labels[np.arange(queries), pull.argmax(axis=1)] = 1
    features[rng.random(len(features)) < 0.5, 3] = np.nan
    return RankingDataset(NAMES, features, labels.ravel(), np.full(queries, PER_QUERY, np.int32))


def mrr(scores: np.ndarray, rows: RankingDataset) -> float:
    return float(reciprocal_ranks(scores, rows.labels, rows.group_sizes, PER_QUERY).mean())


TRAIN, VALID, FRESH = plant(300, 1), plant(100, 2), plant(200, 3)
BEST = mrr(FRESH.features[:, 1].astype(np.float64), FRESH)
CHANCE = float(np.mean(1 / np.arange(1, PER_QUERY + 1)))


def fitted(kind: str, valid: RankingDataset | None, rounds: int, patience: int = 8, seed: int = 5) -> Ranker:
    return fit(Recipe(kind, SETTINGS[kind], rounds, patience, seed), TRAIN, valid)


def score(ranker: Ranker) -> np.ndarray:
    """Of the rows that no fit has seen."""
    return predict(ranker, FRESH.names, FRESH.features)


@pytest.fixture(scope="module")
def early() -> dict[str, Ranker]:
    return {kind: fitted(kind, VALID, 300) for kind in FAMILIES}


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_planted_signal_is_learned_stored_and_learned_alike_again(kind: str, early: dict[str, Ranker]) -> None:
    ranker, scores = early[kind], score(early[kind])
    assert (scores.shape, scores.dtype) == ((len(FRESH.labels),), np.float64)
    assert mrr(scores, FRESH) > 0.9 * BEST > 1.8 * CHANCE
    assert mrr(-scores, FRESH) < CHANCE
    assert tuple(ranker.gain) == NAMES
    assert max(ranker.gain, key=ranker.gain.__getitem__) == "planted"
    assert min(ranker.gain.values()) >= 0
    assert ranker.kind == kind
    assert 1 <= ranker.rounds < 300 - 8
    assert ranker.rounds == int(np.argmax(ranker.curve)) + 1
    assert ranker.metric
    np.testing.assert_array_equal(predict(ranker, FRESH.names, FRESH.features[40:50]), scores[40:50])
    np.testing.assert_array_equal(score(pickle.loads(pickle.dumps(ranker, protocol=5))), scores)
    np.testing.assert_array_equal(score(fitted(kind, VALID, 300)), scores)
    again = fitted(kind, None, ranker.rounds, patience=0)  # the rounds that are kept are those that score
    np.testing.assert_allclose(score(again), scores, rtol=1e-6)
    assert again.gain == pytest.approx(ranker.gain)


def test_a_kept_ranker_imports_its_library_when_it_first_predicts(tmp_path: Path) -> None:
    ranker = fitted("lightgbm_lambdarank", VALID, 5)
    (tmp_path / "ranker.pkl").write_bytes(pickle.dumps(ranker))
    np.save(tmp_path / "features.npy", VALID.features)
    script = """
import pickle, sys
import numpy as np
from common.learning.gbdt import predict
ranker = pickle.load(open("ranker.pkl", "rb"))
print(ranker.rounds, len(ranker.gain), "lightgbm" in sys.modules)
np.save("scores.npy", predict(ranker, list(ranker.gain), np.load("features.npy")))
"""
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": os.getcwd()}, check=True,
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert told.split() == [str(ranker.rounds), str(len(ranker.gain)), "False"]
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), predict(ranker, VALID.names, VALID.features))


@pytest.mark.parametrize("kind", ["lightgbm_softmax", "xgboost"])
def test_several_data_sets_are_learned_from_as_one_is(kind: str) -> None:
    parts = [plant(60, seed) for seed in (1, 2, 3)]
    recipe = Recipe(kind, SETTINGS[kind], rounds=6, patience=0, seed=5, negatives=2, min_group_size=2)
    apart, joined = (fit(recipe, rows) for rows in (parts, gather(parts)))
    one, other = (predict(ranker, parts[0].names, parts[0].features) for ranker in (apart, joined))
    np.testing.assert_array_equal(one, other)
    with pytest.raises(ColumnsError, match=r"^Part 2 of 2 of the rows"):
        fit(recipe, [parts[0], replace(parts[1], names=parts[1].names[::-1])])


@pytest.mark.parametrize("kind", FAMILIES)
def test_queries_of_unequal_sizes_are_kept_apart(kind: str) -> None:
    """A row of a small query is right more often, which orders nothing within one."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(2, 40, 400).astype(np.int32)
    query = np.repeat(np.arange(400), sizes)
    planted = rng.random(len(query)).astype(np.float32)
    best = np.maximum.reduceat(planted, np.concatenate([[0], np.cumsum(sizes)[:-1]]))
    labels = (planted == best[query]).astype(np.float32)
    rows = RankingDataset(
        ("planted", "size"), np.column_stack([planted, sizes[query]]).astype(np.float32), labels, sizes
    )
    ranker = fit(Recipe(kind, SETTINGS[kind], 20, 0, 1), rows)
    assert reciprocal_ranks(predict(ranker, rows.names, rows.features), labels, sizes, 5).mean() > 0.8
    share = ranker.gain["size"] / ranker.gain["planted"]
    assert share < 0.1


# --- kinds ---


@pytest.mark.parametrize(
    ("kind", "parameters", "sentence"),
    [
        ("boost", {}, r"no ranker 'boost': the name of a kind begins with one of lightgbm, xgboost, catboost"),
        ("lightgbm_softmax", {"objective": "binary"}, "remove `objective` from its parameters"),
        ("lightgbm_lambdarank", {"metric": "none"}, "sets its own metric"),
    ],
)
def test_a_wrong_kind_or_parameter_is_refused(kind: str, parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        fit(Recipe(kind, parameters, 1, 0, 1), TRAIN)


# --- the early stop ---


def judge_ndcg(scores: np.ndarray, rows: RankingDataset, k: int) -> float:
    """NDCG@k, which is 1 / log2(rank + 1) of a single positive; equal scores stand by row."""
    gains = reciprocal_ranks(scores - 1e-9 * np.arange(len(scores)), rows.labels, rows.group_sizes, k)
    return float(np.where(gains > 0, 1 / np.log2(1 / np.maximum(gains, 1e-9) + 1), 0).mean())


def judge_likelihood(scores: np.ndarray, rows: RankingDataset, k: int) -> float:
    return float(log_likelihoods(scores, rows.labels, rows.group_sizes).mean())


@pytest.mark.parametrize(
    ("kind", "judge", "mislabelled"),
    [
        ("lightgbm_lambdarank", judge_ndcg, 1),
        ("xgboost", judge_ndcg, 1),
        ("lightgbm_softmax", judge_likelihood, 2),
        ("catboost", judge_likelihood, 2),
    ],
)
def test_a_fit_ends_where_its_metric_is_best(
    kind: str, judge: Callable[[np.ndarray, RankingDataset, int], float], mislabelled: int
) -> None:
    """Of the held queries every one, or every second, is labelled at random: the best round depends on the cutoff, and
    to be ever surer costs likelihood.
    """
    given = plant(60, 27)
    labels = given.labels.reshape(60, PER_QUERY).copy()
    labels[::mislabelled] = np.roll(labels[::mislabelled], 1, axis=1)
    held, longest = replace(given, labels=labels.ravel()), fitted(kind, None, 40)
    scores = [predict(shorten(longest, rounds), NAMES, held.features) for rounds in range(1, 41)]
    stopped = set()
    for cutoff in (1, 3, 5, PER_QUERY):
        judged = [judge(each, held, cutoff) for each in scores]
        rounds = fit(Recipe(kind, SETTINGS[kind], 40, 40, 5, cutoff=cutoff), TRAIN, held).rounds
        assert judged[rounds - 1] == pytest.approx(max(judged), abs=1e-7)
        stopped.add(rounds)
    assert len(stopped) > 1 if judge is judge_ndcg else max(stopped) < 40


# --- columns ---


def test_a_ranker_takes_the_columns_of_its_blocks_whatever_stands_beside_them(early: dict[str, Ranker]) -> None:
    whole, noise = early["lightgbm_lambdarank"], fit(Recipe("xgboost", {}, 2, 0, 0, blocks=("noise",)), TRAIN)
    both = score_rows(NAMES, FRESH.features, [whole, noise])
    np.testing.assert_array_equal(both, np.column_stack([score(whole), score(noise)]))
    more = ("holes_more", *NAMES), np.hstack([FRESH.features[:, :1] + 7, FRESH.features])
    np.testing.assert_array_equal(predict(noise, *more), score(noise))
    with pytest.raises(ColumnsError, match=r"^What lightgbm_lambdarank is to score has other columns: .* holes_more\."):
        predict(whole, *more)


# --- what scores start from ---


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_prediction_is_the_start_and_what_the_trees_add_whatever_the_seeds(kind: str) -> None:
    ranker = fit(Recipe(kind, SETTINGS[kind], 4, 0, 0, base_margin="planted", seeds=2), TRAIN)
    added = score(replace(ranker, base_margin=None, others=(replace(ranker.others[0], base_margin=None),)))
    np.testing.assert_allclose(score(ranker), FRESH.features[:, 1] + added, rtol=1e-6)
    assert np.ptp(added) > 0


# --- several seeds ---


@pytest.mark.parametrize("kind", SOFTMAX)
def test_scores_of_several_seeds_are_the_mean_of_the_seeds_that_follow(kind: str) -> None:
    several, three = (fit(Recipe(kind, SETTINGS[kind], rounds, 0, 5, seeds=3), TRAIN) for rounds in (6, 3))
    alone = [score(fitted(kind, None, 6, 0, seed)) for seed in (5, 6, 7)]
    np.testing.assert_allclose(score(shorten(several, 3)), score(three), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(score(several), np.mean(alone, axis=0), rtol=1e-6)
    assert not np.array_equal(alone[0], alone[1])


def test_a_refit_takes_the_rounds_of_the_first_seed_or_the_mean_of_several_stops() -> None:
    recipe = Recipe("lightgbm_softmax", SETTINGS["lightgbm_softmax"], 60, 8, 5, seeds=2)
    early = fit(recipe, TRAIN, VALID)
    again = refit(recipe, early, [TRAIN, VALID])
    assert [again.rounds, *(other.rounds for other in again.others)] == [early.rounds] * 2
    stopped = [replace(early, rounds=count) for count in (3, 7)]
    assert refit(recipe, stopped, [TRAIN]).rounds == 5


# --- fits that are kept whole ---


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_whole_fit_that_is_shortened_is_the_fit_that_stopped(kind: str, early: dict[str, Ranker]) -> None:
    recipe = Recipe(kind, SETTINGS[kind], 300, 8, 5)
    whole = fit(recipe, TRAIN, VALID, whole=True)
    stopped = early[kind]
    assert whole.rounds > stopped.rounds
    assert whole.rounds == len(whole.curve)
    assert whole.curve == pytest.approx(stopped.curve)
    best = shorten(whole, stopped.rounds)
    assert best.rounds == stopped.rounds
    np.testing.assert_allclose(score(best), score(stopped), rtol=1e-6, atol=1e-7)
    all_of_it = fitted(kind, None, whole.rounds, 0)
    np.testing.assert_allclose(score(whole), score(all_of_it), rtol=1e-5, atol=1e-6)
    assert not np.allclose(score(whole), score(stopped))


# --- what a library refuses ---


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        ("lightgbm_lambdarank", {"objective": "nonsense"}, "Unknown objective type name: nonsense"),
        ("xgboost", {"objective": "rank:ndcg", "max_depth": -4}, "should be greater equal to 0"),
        ("catboost", {"loss_function": "QuerySoftMax", "depth": 99}, "Maximum tree depth is 16"),
    ],
)
def test_a_refused_parameter_is_one_clear_sentence(kind: str, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as raised:
        fit(Recipe(kind, wrong, 5, 0, 0), plant(20, seed=1))
    message = str(raised.value)
    assert message.startswith(f"{kind} cannot be fitted: ")
    assert said in message
    assert f"the section of {kind} in config.toml" in message
    assert not any(word in message for word in ("\n", ".cpp", ".cc:"))


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("lightgbm_click", {"objective": "binary", "num_leaves": 7, "learning_rate": 0.2}),
        ("xgboost_click", {"objective": "binary:logistic", "max_depth": 3, "learning_rate": 0.3}),
        ("catboost_click", {"loss_function": "Logloss", "depth": 3, "learning_rate": 0.3}),
    ],
)
def test_a_yes_or_no_a_row_stops_by_its_log_loss_told_the_right_way_up(kind: str, parameters: dict[str, Any]) -> None:
    """NDCG of lists of one row is 1 from the first round on, and stops there."""
    train, valid = (
        replace(
            part, labels=(part.features[:, 1] > 0).astype(np.float32), group_sizes=np.ones(len(part.labels), np.int32)
        )
        for part in (TRAIN, VALID)
    )
    ranker = fit(Recipe(kind, parameters, 60, 8, 5), train, valid)
    assert ranker.rounds > 10
    assert "loss" in ranker.metric.lower()
    assert ranker.curve[0] < ranker.curve[ranker.rounds - 1] < 0
    if not kind.startswith("catboost"):
        name = "metric" if kind.startswith("lightgbm") else "eval_metric"
        area = fit(Recipe(kind, parameters | {name: "auc"}, 60, 8, 5), train, valid)
        assert area.metric == "auc"
        assert 0.9 < area.curve[0] <= max(area.curve)
