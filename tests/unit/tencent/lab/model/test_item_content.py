"""What an ad's semantic id is made of: embeddings, features, company; and that nothing behind the ends is read."""

import dataclasses

import numpy as np
import pytest

from competitions.tencent.corpus import Catalogue, Embedding
from competitions.tencent.io import schema
from competitions.tencent.lab.model.item_content import (
    COLLABORATIVE_WIDTH,
    FEATURE_SHARE,
    FEATURE_WIDTH,
    build_semantic_ids,
    collaborative_vectors,
    content_vectors,
    normalise,
    project_features,
)
from competitions.tencent.sequences import Histories, whole
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences

ADS = 24
NOBODY = whole(make_sequences([]))


def make_features(*rows: dict[str, int]) -> Catalogue:
    """A catalogue of these features, padding before them."""
    features = np.zeros((len(rows) + 1, len(schema.ITEM_FEATURES)), np.int32)
    for row, values in enumerate(rows, 1):
        for name, value in values.items():
            features[row, schema.ITEM_FEATURES.index(name)] = value
    return Catalogue(np.arange(len(features)), features, len(rows), (9,) * len(schema.ITEM_FEATURES))


def make_embedding(rows: int, seed: int = 0) -> Embedding:
    vectors = np.random.default_rng(seed).standard_normal((rows, 8)).astype(np.float16)
    vectors[0] = 0
    return Embedding("emb_81_8", vectors)


def make_groups(seed: int = 0) -> Histories:
    """Users of two groups: ads 1..12 and 13..24."""
    rng = np.random.default_rng(seed)
    histories = [
        [(1 + 12 * (user % 2) + int(item), 0, 60 * step) for step, item in enumerate(rng.permutation(12)[:8])]
        for user in range(40)
    ]
    return whole(make_sequences(*histories))


def test_a_value_is_a_direction_and_a_rare_one_is_longer() -> None:
    many = [{"100": 1}] * 50
    vectors = project_features(make_features(*many, {"100": 2}, {"100": 2, "101": 3}, {"101": 3}), 0)
    np.testing.assert_allclose(vectors[52], vectors[51] + vectors[53], rtol=1e-5)
    common, rare = np.linalg.norm(vectors[[1, 51]], axis=1)
    assert rare > 5 * common
    other = project_features(make_features(*[{"100": 2}] * 50, {"100": 1}, {"100": 1}, {}), 0)
    np.testing.assert_allclose(vectors[1] / other[51], np.log(54 / 50) / np.log(54 / 2), rtol=1e-4)  # padding counts


def test_ads_of_the_same_users_are_near_each_other() -> None:
    vectors = normalise(collaborative_vectors(make_groups(), ADS + 2, 0))
    assert vectors.shape == (ADS + 2, min(COLLABORATIVE_WIDTH, ADS + 1))
    near = vectors[1 : ADS + 1] @ vectors[1 : ADS + 1].T
    same = np.arange(ADS) // 12
    within, across = (near[same[:, None] == same].mean(), near[same[:, None] != same])
    assert within > 0.1
    assert np.abs(across).max() < 1e-4
    np.testing.assert_allclose(vectors[[0, ADS + 1]], 0, atol=1e-3)  # nobody saw them


def test_embeddings_come_first_and_features_order_what_they_leave_equal() -> None:
    catalogue, embedding = make_features({"100": 1}, {"100": 2}, {}), make_embedding(4)
    embedding.vectors[2] = embedding.vectors[1]
    vectors = content_vectors(catalogue, (embedding,), NOBODY, 0)
    assert vectors.shape == (4, 8 + FEATURE_WIDTH)
    np.testing.assert_allclose(np.linalg.norm(vectors[1:, :8], axis=1), 1, rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(vectors[1:, 8:], axis=1), [FEATURE_SHARE, FEATURE_SHARE, 0], rtol=1e-5)
    np.testing.assert_array_equal(vectors[1, :8], vectors[2, :8])
    assert np.abs(vectors[1] - vectors[2]).max() > 0.05
    assert (vectors[0] == 0).all()


@pytest.mark.parametrize("embeddings", [(), (make_embedding(ADS + 6),)], ids=["company", "embedding"])
def test_every_ad_has_a_word_of_its_own(embeddings: tuple[Embedding, ...]) -> None:
    catalogue, groups = make_catalogue(ADS, unseen=5), make_groups()
    semantic_ids = build_semantic_ids(catalogue, embeddings, groups, 2, 4, 0)
    assert semantic_ids.shape == (ADS + 6, 3)
    assert semantic_ids[:, :2].max() < 4
    assert len({tuple(semantic_id) for semantic_id in semantic_ids[1:].tolist()}) == ADS + 5
    np.testing.assert_array_equal(semantic_ids, build_semantic_ids(catalogue, embeddings, groups, 2, 4, 0))


@pytest.mark.parametrize("embeddings", [(), (make_embedding(ADS + 1),)], ids=["company", "embedding"])
def test_nothing_behind_the_ends_is_read(embeddings: tuple[Embedding, ...]) -> None:
    groups, catalogue = make_groups(), make_catalogue(ADS)
    ends = groups.starts + 5
    changed = groups.sequences.item.copy()
    behind = np.ones(len(changed), bool)
    behind[Histories(groups.sequences, groups.users, ends).events()] = False
    changed[behind] = 25 - changed[behind]
    other = dataclasses.replace(groups.sequences, item=changed)
    one, same = (
        build_semantic_ids(catalogue, embeddings, Histories(log, groups.users, ends), 2, 4, 0)
        for log in (groups.sequences, other)
    )
    np.testing.assert_array_equal(one, same)
