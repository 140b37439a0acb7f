"""What the network misses of its inputs: one planted feature tells which ad is which, and nothing else does."""

import msgspec
import numpy as np
import pytest

from common.learning.model_diagnostics import Importance
from competitions.tencent.competition import COMPETITION
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Candidates, Catalogue, Corpus, Embedding
from competitions.tencent.day.permutation_importance import measure_inputs
from competitions.tencent.ids import Rows
from competitions.tencent.inference import stages
from competitions.tencent.io import schema
from competitions.tencent.split import Fold, hold_out
from competitions.tencent.training.inputs import NetworkSettings
from competitions.tencent.training.trainer import Trained
from tests.unit.tencent.training_inputs import MODEL, TRAIN, make_model_inputs, make_sequences, make_users

ITEMS, USERS, PLANTED, STEP_S = 24, 120, 4, 600
SETTINGS = NetworkSettings(
    msgspec.structs.replace(MODEL, ids=False, embeddings=False, width=32),
    msgspec.structs.replace(TRAIN, epochs=12, batch=16, rate=1e-2),
    seed=0,
)
CONFIG: TencentConfig = COMPETITION.load_config(["split.kind=last"])


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Users go round the ads in a circle: the next follows from the last, which one feature names."""
    rng = np.random.default_rng(0)
    histories = [
        [(1 + (start + step) % ITEMS, 1, 1_000_000 + STEP_S * step) for step in range(6)]
        for start in rng.integers(0, ITEMS, USERS)
    ]
    features = np.ones((ITEMS + 1, len(schema.ITEM_FEATURES)), np.int32)
    features[:, PLANTED] = np.arange(ITEMS + 1)
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
    return stages.fit(make_model_inputs(corpus, fold), SETTINGS, None, folder)


def test_the_feature_that_tells_is_missed_most_and_a_constant_one_not_at_all(
    corpus: Corpus, fold: Fold, trained: Trained
) -> None:
    measured = measure_inputs(make_model_inputs(corpus, fold), trained, SETTINGS)
    names = [f"ad feature {name}" for name in schema.ITEM_FEATURES]
    assert {one["feature"] for one in measured} == {*names, "user features", "actions of the history"}
    first, *rest = measured
    assert first["feature"] == names[PLANTED]
    assert (first["permutation"] or 0) > 0.3
    assert all(by_name(measured, name)["permutation"] == 0 for name in names if name != first["feature"])
    assert by_name(measured, "actions of the history")["permutation"] == 0  # all are the same
    assert all(one["gain"] is None for one in measured)
    assert [one["permutation"] for one in measured] == sorted(
        (one["permutation"] for one in [*rest, first]), reverse=True
    )


def by_name(measured: list[Importance], name: str) -> Importance:
    (one,) = (one for one in measured if one["feature"] == name)
    return one


def test_nothing_is_changed_and_the_wide_part_is_left_out(corpus: Corpus, fold: Fold, trained: Trained) -> None:
    before = {name: weight.copy() for name, weight in trained.weights.items()}
    features = corpus.catalogue.features.copy()
    measure_inputs(make_model_inputs(corpus, fold), trained, SETTINGS)
    assert all(np.array_equal(trained.weights[name], weight) for name, weight in before.items())
    assert np.array_equal(corpus.catalogue.features, features)
    wide = NetworkSettings(msgspec.structs.replace(SETTINGS.model, memory=True), SETTINGS.train, 0)
    assert measure_inputs(make_model_inputs(corpus, fold), trained, wide) == []


def test_ids_and_embeddings_are_inputs_where_the_model_takes_them(
    corpus: Corpus, fold: Fold, tmp_path_factory: pytest.TempPathFactory
) -> None:
    vectors = np.random.default_rng(1).standard_normal((ITEMS + 1, 4)).astype(np.float16)
    model = msgspec.structs.replace(MODEL, features=False, actions=False)
    inputs = make_model_inputs(corpus, fold, (Embedding("81", vectors),))
    settings = NetworkSettings(model, SETTINGS.train, 0)
    folder = str(tmp_path_factory.mktemp("checkpoints"))
    trained = stages.fit(inputs, settings, None, folder)
    measured = measure_inputs(inputs, trained, settings)
    assert {one["feature"] for one in measured} == {"ad id", "embedding 81", "user features"}
    assert max(one["permutation"] or 0 for one in measured) > 0.1
