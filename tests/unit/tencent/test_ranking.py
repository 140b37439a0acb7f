"""The ranker learns what a planted column says, with and without a hidden layer, the same each time; blocks of queries
go side by side; of long lists the better part is described in full.
"""

import dataclasses
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from competitions.tencent import ranking
from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Corpus
from competitions.tencent.features import pair_features
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.ranking import (
    LabelledLists,
    Ranker,
    fit,
    fit_ranker,
    score_candidates,
    take_queries,
)
from competitions.tencent.retrieval.search import Candidates
from competitions.tencent.split import build_test_fold
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences, make_users

CONFIG = COMPETITION.load_config([])
FIT = CONFIG.ranker.fit
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(400, 10, 4)).astype(np.float32)
NAMES = ("a", "b", "c", "d")


def top1(features: np.ndarray, target: np.ndarray, hidden: int, train: slice, held: slice) -> float:
    lists = LabelledLists(features[train], target[train], NAMES)
    ranker = fit_ranker(lists, msgspec.structs.replace(FIT, hidden=hidden, epochs=40, rate=3e-2), 0)
    return float((ranker.score(features[held]).argmax(1) == target[held]).mean())


@pytest.mark.parametrize("hidden", [0, 16])
def test_a_planted_column_is_found(hidden: int) -> None:
    target = FEATURES[:, :, 2].argmax(1)
    assert top1(FEATURES, target, hidden, slice(0, 300), slice(300, 400)) > 0.9


def test_only_a_hidden_layer_lets_columns_act_together() -> None:
    target = (FEATURES[:, :, 0] * FEATURES[:, :, 1]).argmax(1)
    linear, deep = (top1(FEATURES, target, hidden, slice(0, 300), slice(300, 400)) for hidden in (0, 32))
    assert deep > linear + 0.3


def test_scale_and_place_of_a_column_mean_nothing_and_two_fits_are_the_same() -> None:
    target = FEATURES[:, :, 2].argmax(1)
    moved = FEATURES * np.array([1, 1, 1e3, 1], np.float32) + np.array([0, 0, 5e3, 0], np.float32)
    one, other = (fit_ranker(LabelledLists(features, target, NAMES), FIT, 3) for features in (FEATURES, moved))
    again = fit_ranker(LabelledLists(FEATURES, target, NAMES), FIT, 3)
    assert one.score(FEATURES).tolist() == again.score(FEATURES).tolist()
    scores, same = one.score(FEATURES), other.score(moved)
    # The softmax is blind to a constant, so that rounding alone moves the last layer's bias.
    assert np.allclose(scores - scores.mean(1, keepdims=True), same - same.mean(1, keepdims=True), atol=1e-2)
    assert len(one.losses) == FIT.epochs
    assert one.losses[-1] < one.losses[0]


def test_the_queries_of_a_part_are_some_of_a_folds() -> None:
    test = make_sequences(*[[(ad, 1, 10 * ad)] for ad in range(1, 7)])
    candidates = CatalogueRows(np.arange(1, 13))
    train, users = make_sequences([(1, 1, 5)]), make_users(6)
    corpus = Corpus(make_catalogue(12), train, make_users(1), test, users, candidates, None, ())
    actions = np.array([1, 2, 1, 2, 1, 2], np.int8)
    fold = build_test_fold(train, test, candidates, actions, CONFIG.host)
    part = take_queries(corpus, fold, slice(4, 9))
    assert part.histories.users.tolist() == [4, 5]
    assert part.action.tolist() == [1, 2]
    assert part.histories.sequences is test
    assert len(take_queries(corpus, fold)) == 6


def make_logit(names: tuple[str, ...], weights: list[float]) -> Ranker:
    ones = np.ones(len(names), np.float32)
    own = {"0.weight": np.array([weights], np.float32), "0.bias": np.zeros(1, np.float32)}
    return Ranker(names, 0 * ones, ones, own, 0, ())


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Ad a has the cheap column -a / 10 and the expensive one a / 10; returned: the ads that the latter was made of."""
    asked: list[list[int]] = []

    def ask(tables: object, candidates: Candidates) -> dict[str, np.ndarray]:
        asked.extend(candidates.item.tolist())
        return {"expensive": candidates.item / 10}

    monkeypatch.setattr(ranking, "KEPT", 3)
    monkeypatch.setitem(pair_features.BLOCKS, "popularity", lambda tables, candidates: {"cheap": -candidates.item / 10})
    monkeypatch.setitem(pair_features.BLOCKS, "content", ask)
    return asked


def make_candidates(scores: list[list[float]], items: list[list[int]]) -> Candidates:
    item = np.array(items)
    nothing: Any = None
    return Candidates(nothing, nothing, CandidateIndices(item), CatalogueRows(item), np.array(scores, np.float32), {})


SEARCH: Any = SimpleNamespace(tables=None, settings=SimpleNamespace(blocks=("content", "popularity")))


def test_the_cut_keeps_the_best_by_the_logit_and_describes_these_alone(planted: list[list[int]]) -> None:
    cut = make_logit(("cheap",), [1.0])
    ranker = dataclasses.replace(make_logit(("cheap", "expensive"), [0.0, 1.0]), cut=cut)
    # Of the second query the ad 1, first by the logit, was seen.
    candidates = make_candidates([[5, 4, 3, 2, 1], [5, -np.inf, 3, 2, 1]], [[7, 2, 9, 1, 3], [6, 1, 8, 4, 2]])
    scores = score_candidates(ranker, SEARCH, candidates)
    assert planted == [[2, 1, 3], [6, 4, 2]]
    none = -np.inf
    np.testing.assert_allclose(scores, [[none, 0.2, none, 0.1, 0.3], [0.6, none, none, 0.4, 0.2]], rtol=1e-6)


def test_a_cut_is_learned_from_the_cheap_columns_of_long_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = LabelledLists(FEATURES, FEATURES[:, :, 1].argmax(1), NAMES, 2)
    assert fit([lists], FIT, 0).cut is None
    monkeypatch.setattr(ranking, "KEPT", 4)
    cut = fit([lists], FIT, 0).cut
    assert cut is not None
    assert (cut.names, cut.hidden) == (("a", "b"), 0)
    place = (-cut.score(FEATURES[:, :, :2])).argsort(1).argsort(1)
    assert (place[np.arange(400), lists.target] < 4).mean() > 0.95
    for cheap in (0, 4):  # nothing to choose by, nothing to save
        assert fit([dataclasses.replace(lists, cheap=cheap)], FIT, 0).cut is None
