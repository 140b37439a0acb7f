"""Retrieval: several interests at once, popularity at the query's time, what was seen, the pool."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.fold_tables import FoldTables, Fusion
from competitions.tencent.retrieval import fusion as fusion_module
from competitions.tencent.retrieval.content import BETA, Content
from competitions.tencent.retrieval.fusion import ChannelScores, collect_scores, learn_fusion
from competitions.tencent.retrieval.registry import find_channel
from competitions.tencent.retrieval.search import Queries, Search, take_queries
from competitions.tencent.split import build_test_fold
from tests.unit.tencent.features.test_popularity import plant_halves
from tests.unit.tencent.tencent_folds import fit_fold
from tests.unit.tencent.training_inputs import CONFIG, make_corpus, make_sequences

HOUR = 3_600
SETTINGS = CONFIG.ranker.features
# Ads 1 and 2 are two interests; 3 is near 1, 4 near 2, 5 between both, the others far from either.
CONTENT = torch.nn.functional.normalize(
    torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0.05, 0], [0.05, 1, 0], [1, 1, 0], *[[0, 0, 1.0]] * 5]), dim=1
)
HISTORY = make_sequences([(1, 1, 10), (2, 1, 20)], [(1, 1, 10), (3, 0, 20)])
POPULAR = "events 24 h behind"


def make_search(*others: list[tuple[int, int, int]], **changed: object) -> tuple[Search, Queries]:
    """The two users are asked; ``others`` are learned from beside them."""
    log = make_sequences([(1, 1, 10), (2, 1, 20)], [(1, 1, 10), (3, 0, 20)], *others)
    corpus = make_corpus(log, 10, HISTORY)
    fold = build_test_fold(log, HISTORY, corpus.candidates, None)
    settings = msgspec.structs.replace(SETTINGS, **changed)  # type: ignore[arg-type]
    # As it is: that it is centred is tested in test_content.py.
    contents = [Content("81", CONTENT.numpy().astype(np.float16))]
    tables = fit_fold(corpus, fold, ("content",), contents, settings)
    fusion = Fusion({"81": 1.0, POPULAR: 2.0}, {"81": BETA}, ("81",))
    return Search(dataclasses.replace(tables, fusion=fusion), settings), take_queries(corpus, fold)


def ranked(made: tuple[Search, Queries], query: int) -> list[int]:
    candidates = made[0].retrieve(made[1])
    return candidates.item[query][np.isfinite(candidates.scores[query])].tolist()


def test_ads_near_any_interest_stand_before_what_lies_between_them() -> None:
    best = ranked(make_search(), 0)
    assert best[:3] == [4, 3, 5]  # the later click weighs more
    assert len(best) == 8  # what was seen is not among them


def test_an_ad_that_others_are_shown_now_comes_forward_and_one_of_another_day_does_not() -> None:
    burst = [(6, 0, 20 + HOUR + step) for step in range(10_000)]
    assert ranked(make_search(burst), 0)[0] == 6
    late = [(ad, action, time + 100 * HOUR) for ad, action, time in burst]
    assert ranked(make_search(late), 0) == ranked(make_search(), 0)


def test_of_a_large_pool_only_what_is_shown_is_searched() -> None:
    shown = [(9, 0, 20), (10, 0, 30), *[(9, 0, 40), (10, 0, 50)] * 5]
    search, _ = make_search(shown, pool=2)
    assert search.pool.tolist() == [9, 10]
    assert search.popularity.table.shape[1] == 2


@pytest.mark.parametrize(("name", "left"), [("counts", 0.0), ("81", 1.0)])
def test_scores_of_seen_ads_are_nothing_where_the_ranker_gets_them(name: str, left: float) -> None:
    search, queries = make_search()
    alike = {"part": np.ones((len(queries), len(search.pool)), np.float32)}
    search.channels = [(find_channel(name), lambda _: alike)]
    seen = search.find_seen(queries.histories)
    ((_, _, scores),) = search.score(search.block(queries), seen)
    assert (scores[seen] == left).all()
    assert scores.sum() == len(queries) * len(search.pool) - len(seen[0]) * (1 - left)


def test_learning_takes_what_the_search_puts_first_and_weighs_the_others_to_all_of_the_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fusion_module, "FIRST", 3)
    monkeypatch.setattr(fusion_module, "DRAWN", 20)
    search, queries = make_search()
    totals, target = [], np.array([4, 5])
    for seed in range(200):
        scores = collect_scores(search.tables, SETTINGS, queries, target, np.random.default_rng(seed))
        totals.append(scores.stands_for.sum(1))
    assert np.mean(totals, 0) == pytest.approx([8, 8], abs=0.3)  # ten ads, of which each user has seen two
    assert scores.stands_for[scores.stands_for > 0].min() < 1  # more are drawn than there are
    assert scores.names == ("81", "81 now", *search.popularity.names)
    retrieved = search.retrieve(queries)
    weights = np.array([search.tables.fusion.weights.get(name, 0.0) for name in scores.names], np.float32)
    for row, ad in enumerate(target):
        at = retrieved.item[row].tolist().index(ad)
        assert scores.values[row, 0] @ weights == pytest.approx(retrieved.scores[row, at], abs=1e-3)


def test_learning_takes_each_query_with_the_pool_of_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without targets that are not in it; of too few queries nothing is learned."""
    log, fold = plant_halves(120)
    assert fold.target is not None
    target = np.where(np.arange(120) < 20, 21 - fold.target, fold.target)  # of the other half
    fold = dataclasses.replace(fold, target=target, candidates=CatalogueRows(np.arange(1, 21)))
    settings = msgspec.structs.replace(SETTINGS, pool=10)
    tables = fit_fold(make_corpus(log, 22), fold, ("values",), settings=settings)
    learned = []

    def collect(tables: FoldTables, *given: Any) -> ChannelScores:
        learned.append((*given[1:3], collect_scores(tables, *given)))
        return learned[0][2]

    monkeypatch.setattr(fusion_module, "collect_scores", collect)
    assert learn_fusion(make_corpus(log, 22), fold, tables, settings, True, 0).rows
    ((queries, target, scores),) = learned
    assert sorted(queries.histories.users) == fold.users[20:].tolist()
    weights = np.array([tables.fusion.weights.get(name, 0.0) for name in scores.names], np.float32)
    own = [(group, query) for group, part in enumerate(tables.pools.split(queries.time)) for query in part.tolist()]
    for (group, query), row in zip(own, scores.values, strict=True):
        retrieved = Search(tables, settings, group).retrieve(queries.take(np.array([query])))
        at = retrieved.item[0].tolist().index(target[query])
        assert row[0] @ weights == pytest.approx(retrieved.scores[0, at], abs=2e-2)
    monkeypatch.setattr(fusion_module, "FEWEST", len(target) + 1)
    assert learn_fusion(make_corpus(log, 22), fold, tables, settings, True, 0) is tables.fusion
