"""Exported rankers: read back they score as they did, with fewer trees they are the library's own first ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.day.serving.model_files import find_family, read_models, score_models, write_models
from common.engine.errors import UserError
from common.learning.dataset import RankingDataset
from common.learning.gbdt import Ranker, predict, score_rows
from tests.unit.rankers import fit_rows

NAMES = ("planted", "noise", "holes")
SETTINGS: dict[str, dict[str, Any]] = {
    "lightgbm_softmax": {"num_leaves": 7, "learning_rate": 0.2, "num_threads": 1},
    "lightgbm_lambdarank": {"objective": "lambdarank", "num_leaves": 7, "num_threads": 1},
    "xgboost_pairwise": {"objective": "rank:pairwise", "max_depth": 3, "nthread": 1},
    "xgboost_softmax": {"max_depth": 3, "nthread": 1},
    "catboost_softmax": {"loss_function": "QuerySoftMax", "depth": 3, "thread_count": 1},
    "logit": {"l2": 1e-3},
}


def plant(queries: int, seed: int) -> RankingDataset:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries * 8, 3)).astype(np.float32)
    labels = np.zeros((queries, 8), np.float32)
    labels[np.arange(queries), features[:, 0].reshape(queries, 8).argmax(axis=1)] = 1
    features[rng.random(len(features)) < 0.5, 2] = np.nan
    return RankingDataset(NAMES, features, labels.ravel(), np.full(queries, 8, np.int32))


@pytest.fixture(scope="module")
def fitted() -> dict[str, Ranker]:
    return {
        kind: fit_rows(kind, settings, plant(60, 0), plant(20, 1), 20, 20, 0) for kind, settings in SETTINGS.items()
    }


def first_trees(ranker: Ranker, features: np.ndarray, trees: int) -> np.ndarray:
    """What the library says with its own limit on the trees."""
    if ranker.kind.startswith("lightgbm"):
        return np.asarray(ranker.model.predict(features, raw_score=True, num_iteration=trees))
    if ranker.kind.startswith("xgboost"):
        return np.asarray(ranker.model.inplace_predict(features, iteration_range=(0, trees), predict_type="margin"))
    return np.asarray(ranker.model.predict(features, prediction_type="RawFormulaVal", ntree_end=trees))


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_model_scores_as_the_fitted_one_and_a_share_of_its_trees_as_the_first_of_them(
    kind: str, fitted: dict[str, Ranker], tmp_path: Path
) -> None:
    features, ranker = plant(30, 2).features, fitted[kind]
    expected = predict(ranker, features)
    assert len(np.unique(expected)) > 10
    write_models([ranker], tmp_path / "whole")
    write_models([ranker], tmp_path / "half", 0.5)
    (whole,), (half,) = (read_models(tmp_path / name) for name in ("whole", "half"))
    np.testing.assert_array_equal(whole.score(features), expected)
    assert (whole.kind, whole.names) == (kind, NAMES)
    if kind == "logit":  # it has no trees
        return
    trees = max(1, round(ranker.rounds / 2))
    assert half.rounds == trees < ranker.rounds
    np.testing.assert_allclose(half.score(features), first_trees(ranker, features, trees), rtol=1e-6)
    assert not np.allclose(half.score(features), expected)
    sizes = [sum(file.stat().st_size for file in (tmp_path / name).iterdir()) for name in ("whole", "half")]
    assert sizes[1] < sizes[0]
    np.testing.assert_array_equal(predict(ranker, features), expected)  # the fitted one was left alone


# --- several seeds, and a score to start from ---


FAMILIES = ("lightgbm_softmax", "xgboost_softmax", "catboost_softmax")


@pytest.fixture(scope="module")
def seeded() -> dict[str, Ranker]:
    """Two fits of each, on a part of the features at a time, so that the seeds differ."""
    parts = {"lightgbm_softmax": "feature_fraction", "xgboost_softmax": "colsample_bynode", "catboost_softmax": "rsm"}
    return {
        kind: fit_rows(kind, SETTINGS[kind] | {parts[kind]: 0.5}, plant(60, 0), None, 12, 0, 0, seeds=2)
        for kind in FAMILIES
    }


def test_rankers_of_several_seeds_keep_their_columns(
    fitted: dict[str, Ranker], seeded: dict[str, Ranker], tmp_path: Path
) -> None:
    rankers = [fitted["logit"], seeded["lightgbm_softmax"], fitted["xgboost_pairwise"], seeded["catboost_softmax"]]
    write_models(rankers, tmp_path)
    models = read_models(tmp_path)
    assert [model.column for model in models] == [0, 1, 1, 2, 3, 3]
    assert not np.allclose(*(models[seed].score(plant(10, 3).features) for seed in (1, 2)))
    features = plant(10, 3).features
    np.testing.assert_allclose(score_models(NAMES, features, models), score_rows(NAMES, features, rankers))


@pytest.mark.parametrize("kind", [*FAMILIES, "xgboost_pairwise"])
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_base_margin_is_added_once_when_a_model_is_read_back(kind: str, seeds: int, tmp_path: Path) -> None:
    """It is missing in half of the rows, where scores start from 0."""
    settings, more = SETTINGS[kind], {"base_margin": "holes", "seeds": seeds}
    ranker = fit_rows(kind, settings, plant(60, 0), None, 8, 0, 0, **more)
    features = plant(30, 2).features
    write_models([ranker], tmp_path)
    models = read_models(tmp_path)
    expected = predict(ranker, features)
    np.testing.assert_allclose(score_models(NAMES, features, models)[:, 0], expected, rtol=1e-12)
    bare = predict(replace(ranker, base_margin=None), features)
    np.testing.assert_allclose(expected - bare, np.nan_to_num(features[:, 2]), atol=1e-6)
    # Wherever the feature stands among those of the rows.
    wide = np.column_stack([features[:, 2], np.full(len(features), 9, np.float32), features[:, :2]])
    scores = score_models(("holes", "extra", "planted", "noise"), wide, models)
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["lightgbm_softmax", "xgboost_pairwise", "catboost_softmax", "logit"])
def test_a_damaged_or_missing_file_is_named_in_a_sentence(kind: str, fitted: dict[str, Ranker], tmp_path: Path) -> None:
    write_models([fitted[kind]], tmp_path)
    (file,) = (path for path in tmp_path.iterdir() if path.suffix != ".json")
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match=r"cannot be read.*export the run again"):
        read_models(tmp_path)
    file.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        read_models(tmp_path)


def test_a_kind_of_no_family_is_refused() -> None:
    with pytest.raises(UserError, match="forest"):
        find_family("forest")
