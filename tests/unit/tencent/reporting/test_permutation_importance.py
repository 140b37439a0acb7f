"""What the network misses of its inputs: one planted feature tells which ad is which, and nothing else does."""

import msgspec
import numpy as np
import pytest

from common.diagnostics.model_diagnostics import Importance
from competitions.tencent.competition import load_config
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Candidates, Catalogue, Corpus, Embedding
from competitions.tencent.ids import Rows
from competitions.tencent.inference import stages
from competitions.tencent.io import schema
from competitions.tencent.reporting.permutation_importance import measure_inputs
from competitions.tencent.split import Fold, hold_out
from competitions.tencent.training.trainer import Trained
from tests.unit.tencent.tencent_lessons import MODEL, TRAIN, make_sequences, make_users

ITEMS, USERS, TELLING, STEP_S = 24, 120, 4, 600
MODEL_TOLD = msgspec.structs.replace(MODEL, ids=False, embeddings=False, width=32)
TRAIN_TOLD = msgspec.structs.replace(TRAIN, epochs=12, batch=16, rate=1e-2)
CONFIG: TencentConfig = load_config(["split.kind=last"])


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Users go round the ads in a circle: the next follows from the last, which one feature names."""
    rng = np.random.default_rng(0)
    histories = [
        [(1 + (start + step) % ITEMS, 1, 1_000_000 + STEP_S * step) for step in range(6)]
        for start in rng.integers(0, ITEMS, USERS)
    ]
    features = np.ones((ITEMS + 1, len(schema.ITEM_FEATURES)), np.int32)
    features[:, TELLING] = np.arange(ITEMS + 1)
    features[0] = 0
    catalogue = Catalogue(np.arange(ITEMS + 1), features, ITEMS, (ITEMS,) * len(schema.ITEM_FEATURES))
    sequences, users = make_sequences(*histories), make_users(USERS)
    return Corpus(catalogue, sequences, users, sequences, users, Candidates(Rows(np.arange(1, ITEMS + 1))), None, ())


@pytest.fixture(scope="module")
def fold(corpus: Corpus) -> Fold:
    return hold_out(corpus.train, corpus.candidates, CONFIG.host, CONFIG.split, 0)


@pytest.fixture(scope="module")
def trained(corpus: Corpus, fold: Fold, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = str(tmp_path_factory.mktemp("checkpoints"))
    return stages.fit(corpus, (), fold, None, None, MODEL_TOLD, TRAIN_TOLD, 0, None, folder)


def test_the_feature_that_tells_is_missed_most_and_a_constant_one_not_at_all(
    corpus: Corpus, fold: Fold, trained: Trained
) -> None:
    found = measure_inputs(corpus, (), fold, None, trained, MODEL_TOLD, TRAIN_TOLD, 0)
    names = [f"ad feature {name}" for name in schema.ITEM_FEATURES]
    assert {one["feature"] for one in found} == {*names, "user features", "actions of the history"}
    first, *rest = found
    assert first["feature"] == names[TELLING]
    assert (first["permutation"] or 0) > 0.3
    assert all(by_name(found, name)["permutation"] == 0 for name in names if name != first["feature"])
    assert by_name(found, "actions of the history")["permutation"] == 0  # all are the same
    assert all(one["gain"] is None for one in found)
    assert [one["permutation"] for one in found] == sorted((one["permutation"] for one in [*rest, first]), reverse=True)


def by_name(found: list[Importance], name: str) -> Importance:
    (one,) = (one for one in found if one["feature"] == name)
    return one


def test_nothing_is_changed_and_the_wide_part_is_left_out(corpus: Corpus, fold: Fold, trained: Trained) -> None:
    before = {name: weight.copy() for name, weight in trained.weights.items()}
    features = corpus.catalogue.features.copy()
    measure_inputs(corpus, (), fold, None, trained, MODEL_TOLD, TRAIN_TOLD, 0)
    assert all(np.array_equal(trained.weights[name], weight) for name, weight in before.items())
    assert np.array_equal(corpus.catalogue.features, features)
    wide = msgspec.structs.replace(MODEL_TOLD, memory=True)
    assert measure_inputs(corpus, (), fold, None, trained, wide, TRAIN_TOLD, 0) == []


def test_ids_and_embeddings_are_inputs_where_the_model_takes_them(
    corpus: Corpus, fold: Fold, tmp_path_factory: pytest.TempPathFactory
) -> None:
    vectors = np.random.default_rng(1).standard_normal((ITEMS + 1, 4)).astype(np.float16)
    model = msgspec.structs.replace(MODEL, features=False, actions=False)
    embeddings = (Embedding("81", vectors),)
    folder = str(tmp_path_factory.mktemp("checkpoints"))
    trained = stages.fit(corpus, embeddings, fold, None, None, model, TRAIN_TOLD, 0, None, folder)
    found = measure_inputs(corpus, embeddings, fold, None, trained, model, TRAIN_TOLD, 0)
    assert {one["feature"] for one in found} == {"ad id", "embedding 81", "user features"}
    assert max(one["permutation"] or 0 for one in found) > 0.1
