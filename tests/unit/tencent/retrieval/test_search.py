"""Retrieval: several interests at once, the forecast, what was seen, the pool; the same by one query or many."""

import dataclasses
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch

from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Corpus
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.ranking import take_queries
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.fusion import CLICK_RATE, DEFAULT_WIDTH, Fusion
from competitions.tencent.retrieval.search import Queries, Search
from competitions.tencent.split import build_test_fold
from tests.unit.tencent.tencent_folds import fit_fold
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences, make_users

CONFIG = COMPETITION.load_config([])
SETTINGS = CONFIG.ranker.features
# Ads 1 and 2 are two interests; 3 is near 1, 4 near 2, 5 between both, the others far from either.
CONTENT = torch.nn.functional.normalize(
    torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0.05, 0], [0.05, 1, 0], [1, 1, 0], *[[0, 0, 1.0]] * 5]), dim=1
)
HISTORY = make_sequences([(1, 1, 10), (2, 1, 20)], [(1, 1, 10), (3, 0, 20)])


def make_search(rate: list[float] | None = None, **changed: object) -> tuple[Search, Queries]:
    candidates = CatalogueRows(np.arange(10, 0, -1))
    corpus = Corpus(make_catalogue(10), HISTORY, make_users(2), HISTORY, make_users(2), candidates, None, ())
    fold = build_test_fold(HISTORY, HISTORY, candidates, None, CONFIG.host)
    rates = np.array(rate or [1.0] * 11, np.float32)
    forecast = SimpleNamespace(rate=lambda statistics, rows: rates)
    settings = msgspec.structs.replace(SETTINGS, **changed)  # type: ignore[arg-type]
    # As it is: that it is centred is tested in test_content.py.
    contents = [Content("81", CONTENT.numpy().astype(np.float16))]
    tables = fit_fold(corpus, contents, fold, settings, ("content",), forecast)  # type: ignore[arg-type]
    fusion = Fusion({"81": 1.0, "forecast": 0.9}, {"81": DEFAULT_WIDTH}, ("81",))
    return Search(dataclasses.replace(tables, fusion=fusion), settings), take_queries(corpus, fold)


def ranked(made: tuple[Search, Queries], query: int) -> list[int]:
    candidates = made[0].retrieve(made[1])
    return candidates.item[query][np.isfinite(candidates.scores[query])].tolist()


def test_ads_near_any_interest_stand_before_what_lies_between_them() -> None:
    best = ranked(make_search(), 0)
    assert best[:3] == [4, 3, 5]  # the later click weighs more
    assert len(best) == 8  # what was seen is not among them


def test_the_scores_are_the_sum_over_the_history_by_hand() -> None:
    search, queries = make_search()
    scores = search.retrieve(queries).scores
    weights = np.array([0.9 * 60, 60.0])
    near = np.exp(DEFAULT_WIDTH * (CONTENT[[1, 2]] @ CONTENT[4] - 1).numpy())
    assert scores[0, 0] == pytest.approx(
        np.log(weights @ near) + 0.9 * np.log(1.001), abs=5e-3
    )  # vectors of half the bits


def test_an_ad_that_is_shown_often_comes_forward() -> None:
    rate = [1.0] * 11
    rate[6] = 1e9
    assert ranked(make_search(rate), 0)[0] == 6


def test_of_a_large_pool_only_the_most_promising_are_searched() -> None:
    search, _ = make_search([*range(11)], pool=2)
    assert search.rows.tolist() == [9, 10]  # as the tables number them
    assert search.tables.pool.chosen.tolist() == [1, 0]


def test_recent_clicks_count_where_times_say_more_than_the_order() -> None:
    search, queries = make_search()
    assert CLICK_RATE not in search.always  # this log's times say the order alone
    assert search.score_all(search.block(queries), search.find_seen(queries.histories))["81"].shape == (2, 10)
