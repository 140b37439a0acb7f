"""Retrieval: several interests at once, popularity at the query's time, what was seen, the pool."""

import dataclasses

import msgspec
import numpy as np
import pytest
import torch

from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.fold_tables import Fusion
from competitions.tencent.retrieval import fusion as fusion_module
from competitions.tencent.retrieval.channel import Queries
from competitions.tencent.retrieval.content import BETA, Content
from competitions.tencent.retrieval.fusion import collect_scores, learn_fusion
from competitions.tencent.retrieval.search import Moment, Search, take_queries
from competitions.tencent.split import build_test_fold
from tests.unit.tencent.tencent_folds import fit_fold, plant_halves
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
    tables = fit_fold(corpus, fold, ("content",), contents)
    fusion = Fusion({"81": 1.0, POPULAR: 2.0}, {"81": BETA}, ("81",))
    return Search(dataclasses.replace(tables, fusion=fusion), settings), take_queries(corpus, fold, 100)


def ranked(made: tuple[Search, Queries], query: int) -> list[int]:
    search, queries = made
    candidates = search.at(int(queries.time[query])).retrieve(queries)
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


# --- the pool ---


def test_of_many_candidates_those_that_are_shown_then_are_searched() -> None:
    """At each time by what is shown then; the scores of a pool are those of all candidates."""
    log, fold = plant_halves(40)
    tables = fit_fold(make_corpus(log, 22), fold, ("values",))
    every = Search(tables, SETTINGS)
    search = Search(tables, msgspec.structs.replace(SETTINGS, pool=10))
    queries = take_queries(make_corpus(log, 22), fold, 100)
    for hour, ads in ((30, range(1, 11)), (700, range(11, 21)), (50, range(1, 11))):
        moment, whole = search.at(hour * HOUR), every.at(hour * HOUR)
        assert moment.pool.rows.tolist() == [*ads]
        assert whole.pool.rows.tolist() == [*range(1, 23)]
        assert {name: column.tolist() for name, column in moment.columns.items()} == {
            name: column[list(np.array(ads) - 1)].tolist() for name, column in whole.columns.items()
        }
        candidates = moment.retrieve(queries)
        assert candidates.item.shape == (40, 10)  # a pool smaller than a list


@pytest.mark.parametrize("weights", [{}, {"clicks 1 h before": 1.0}, {"events 24 h before": -1.0}])
def test_the_pool_is_what_is_shown_within_a_day_whatever_fusion_weighs(weights: dict[str, float]) -> None:
    """Weights are learned among the ads of a pool, and would choose others: one ad is much shown, another clicked."""
    corpus = make_corpus(make_sequences([(1, 0, HOUR)] * 9, [(2, 1, HOUR)] * 5, [(3, 0, HOUR)] * 2), 11)
    tables = fit_fold(corpus, build_test_fold(corpus.train, corpus.test, corpus.candidates, None), ("values",))
    weighed = dataclasses.replace(tables, fusion=dataclasses.replace(tables.fusion, weights=weights))
    assert Search(weighed, msgspec.structs.replace(SETTINGS, pool=1)).at(HOUR).pool.rows.tolist() == [1]


def test_blocks_are_those_of_all_queries_whatever_the_number_of_threads() -> None:
    log, fold = plant_halves(120)
    tables, queries = fit_fold(make_corpus(log, 22), fold, ("values",)), take_queries(make_corpus(log, 22), fold, 100)

    def list_block(moment: Moment, rows: np.ndarray) -> tuple[list[int], bytes]:
        return rows.tolist(), moment.retrieve(queries.take(rows)).scores.tobytes()

    made, threads = [], torch.get_num_threads()
    for count in (1, 3):
        torch.set_num_threads(count)
        made.append([*Search(tables, SETTINGS).each_block(queries, list_block, "", most=20)])
    torch.set_num_threads(threads)
    assert made[0] == made[1]
    assert sorted(row for rows, _ in made[0] for row in rows) == [*range(120)]


# --- what is learned from ---


def test_learning_takes_what_the_search_puts_first_and_weighs_the_others_to_all_of_the_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fusion_module, "FIRST", 3)
    monkeypatch.setattr(fusion_module, "DRAWN", 20)
    search, queries = make_search()
    totals, target = [], np.array([4, 5])
    for seed in range(200):
        scores = collect_scores(search.tables, SETTINGS, queries, target, seed)
        assert scores is not None
        totals.append(scores.stands_for.sum(1))
    assert np.mean(totals, 0) == pytest.approx([8, 8], abs=0.3)  # ten ads, of which each user has seen two
    assert scores.stands_for[scores.stands_for > 0].min() < 1  # more are drawn than there are
    assert scores.names == ("81", "81 now", *search.at(20).columns)
    retrieved = search.at(20).retrieve(queries)
    weights = np.array([search.tables.fusion.weights.get(name, 0.0) for name in scores.names], np.float32)
    for row, ad in enumerate(target):
        at = retrieved.item[row].tolist().index(ad)
        assert scores.values[row, 0] @ weights == pytest.approx(retrieved.scores[row, at], abs=1e-3)


def test_learning_takes_what_is_in_the_pool_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without targets that are not in it; of too few queries nothing is learned."""
    log, fold = plant_halves(120)
    assert fold.target is not None
    target = np.where(np.arange(120) < 20, 21 - fold.target, fold.target)  # of the other half
    fold = dataclasses.replace(fold, target=target, candidates=CatalogueRows(np.arange(1, 21)))
    corpus, settings = make_corpus(log, 22), msgspec.structs.replace(SETTINGS, pool=10)
    tables = fit_fold(corpus, fold, ("values",))
    scores = collect_scores(tables, settings, take_queries(corpus, fold, 100), target, 0)
    assert scores is not None
    assert len(scores.values) == 100
    assert learn_fusion(corpus, fold, tables, settings, True, 0).rows
    monkeypatch.setattr(fusion_module, "FEWEST", 101)
    assert learn_fusion(corpus, fold, tables, settings, True, 0) is tables.fusion
    nowhere = dataclasses.replace(fold, target=np.where(fold.target > 10, 1, 11))
    assert learn_fusion(corpus, nowhere, tables, settings, True, 0) is tables.fusion
