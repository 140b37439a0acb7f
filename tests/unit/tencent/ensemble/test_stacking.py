"""The open mode of the ranker: scores within a list, trees of planted lists, halves that judge each other."""

from collections.abc import Iterator
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from competitions.tencent.competition import COMPETITION
from competitions.tencent.ensemble import stacking
from competitions.tencent.ensemble.stacking import OpenLists, find_targets, fit_trees, score_lists, standardise_found

TREES = msgspec.structs.replace(COMPETITION.load_config([]).open.trees, rounds=30, least=5)
QUERIES, FOUND = 240, 8


def plant() -> tuple[OpenLists, np.ndarray]:
    """Lists whose target has the largest value of the second input; the ranker's scores say nothing."""
    rng = np.random.default_rng(0)
    features = rng.random((QUERIES, FOUND, 3)).astype(np.float32)
    scores = rng.random((QUERIES, FOUND)).astype(np.float32)
    columns = np.array([rng.permutation(50)[:FOUND] for _ in range(QUERIES)])
    place = features[:, :, 1].argmax(1)
    scores[np.arange(QUERIES), (place + 1) % FOUND] = -np.inf  # seen
    target = columns[np.arange(QUERIES), place]
    target[::10] = -1  # not among the candidates
    return OpenLists(columns, scores, features), target


def test_scores_are_standardised_among_what_may_be_answered() -> None:
    scores = standardise_found(np.array([[1.0, 3.0, -np.inf, 5.0], [2.0, 2.0, 2.0, -np.inf]], np.float32))
    deviation = (8.0 / 3.0) ** 0.5
    np.testing.assert_allclose(scores[0], [-2 / deviation, 0.0, -np.inf, 2 / deviation], rtol=1e-6)
    assert scores[1].tolist() == [0.0, 0.0, 0.0, -np.inf]


def test_trees_find_what_tells_the_target_and_never_answer_what_was_seen() -> None:
    lists, target = plant()
    place = find_targets(lists, target)
    assert (place[::10] == -1).all()
    early, late = np.arange(QUERIES // 2), np.arange(QUERIES // 2, QUERIES)
    judged = lists.take(late)
    scores = score_lists(fit_trees(lists, place, early, TREES), judged)
    asked = place[late] >= 0
    assert (scores.argmax(1) == place[late])[asked].mean() > 0.6
    assert (judged.scores.argmax(1) == place[late])[asked].mean() < 0.3
    assert (np.isinf(scores) == np.isinf(judged.scores)).all()


def test_a_seen_target_is_none_and_lists_without_any_leave_the_rankers_order() -> None:
    lists, _ = plant()
    seen = np.isinf(lists.scores)
    assert (find_targets(lists, lists.columns[seen]) == -1).all()
    nowhere = np.full(QUERIES, -1)
    assert fit_trees(lists, nowhere, np.arange(QUERIES), TREES) == ""
    assert score_lists("", lists) is lists.scores


def test_each_half_is_judged_by_the_trees_of_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lists, target = plant()
    learned: list[np.ndarray] = []

    def describe(*_: object) -> Iterator[OpenLists]:
        yield lists.take(np.arange(100))
        yield lists.take(np.arange(100, QUERIES))

    def learn(lists: OpenLists, target: np.ndarray, rows: np.ndarray, settings: object) -> str:
        learned.append(rows)
        return str(len(learned))

    monkeypatch.setattr(stacking, "describe_lists", describe)
    monkeypatch.setattr(stacking, "target_columns", lambda fold: target)
    monkeypatch.setattr(stacking, "fit_trees", learn)
    monkeypatch.setattr(stacking, "score_lists", lambda trees, lists: np.where(lists.columns == int(trees), 1.0, 0.0))
    inputs = SimpleNamespace(lists=SimpleNamespace(fold=None))
    made = stacking.fit_and_answer(inputs, None, None, TREES)  # type: ignore[arg-type]
    assert made.trees == "3"  # of all, for the host's queries
    assert learned[2].tolist() == list(range(QUERIES))
    for number, rows in enumerate(learned[:2], 1):
        judged = np.setdiff1d(np.arange(QUERIES), rows)
        assert len(judged) == QUERIES // 2
        has = (lists.columns[judged] == number).any(1)
        assert (made.top.columns[judged[has], 0] == number).all()
