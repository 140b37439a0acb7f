"""Retrieval: several interests at once, the forecast, what was seen, the pool; the same by one query or many."""

import dataclasses
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch

from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Candidates, Corpus
from competitions.tencent.ids import Rows
from competitions.tencent.plan import Plan
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.context import FoldContext, build_context
from competitions.tencent.retrieval.fusion import DEFAULT_WIDTH, Votes
from competitions.tencent.retrieval.histories import weigh_events
from competitions.tencent.retrieval.search import retrieve, weigh_evidence, weigh_scores
from competitions.tencent.split import build_test_fold
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences, make_users, open_fold

CONFIG = COMPETITION.load_config([])
SETTINGS = CONFIG.ranker.features
# Ads 1 and 2 are two interests; 3 is near 1, 4 near 2, 5 between both, the others far from either.
CONTENT = torch.nn.functional.normalize(
    torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0.05, 0], [0.05, 1, 0], [1, 1, 0], *[[0, 0, 1.0]] * 5]), dim=1
)
HISTORY = make_sequences([(1, 1, 10), (2, 1, 20)], [(1, 1, 10), (3, 0, 20)])


def context(rate: list[float] | None = None, **changed: object) -> FoldContext:
    candidates = Candidates(Rows(np.arange(10, 0, -1)))
    corpus = Corpus(make_catalogue(10), HISTORY, make_users(2), HISTORY, make_users(2), candidates, None, ())
    fold = build_test_fold(HISTORY, HISTORY, candidates, None, CONFIG.host)
    rates = np.array(rate or [1.0] * 11, np.float32)
    forecast = SimpleNamespace(rate=lambda statistics, rows: rates)
    plan = Plan("click", False, "time", True, 1, ("content",), 200, ())
    settings = msgspec.structs.replace(SETTINGS, **changed)  # type: ignore[arg-type]
    inputs = open_fold(corpus, [], fold, plan, settings, forecast)  # type: ignore[arg-type]
    votes = Votes({"81": 1.0, "forecast": 0.9}, {"81": DEFAULT_WIDTH}, ("81",))
    # As it is: that it is centred is tested in test_content.py.
    contents = [Content("81", CONTENT.numpy().astype(np.float16))]
    return build_context(dataclasses.replace(inputs, contents=contents, votes=votes), settings)


def ranked(made: FoldContext, query: int) -> list[int]:
    pairs = retrieve(made, np.arange(2))
    return pairs.item[query][np.isfinite(pairs.scores[query])].tolist()


def test_ads_near_any_interest_stand_before_what_lies_between_them() -> None:
    best = ranked(context(), 0)
    assert best[:3] == [4, 3, 5]  # the later click weighs more
    assert len(best) == 8  # what was seen is not among them


def test_the_scores_are_the_sum_over_the_history_by_hand() -> None:
    scores = retrieve(context(), np.arange(2)).scores
    weights = np.array([0.9 * 60, 60.0])
    near = np.exp(DEFAULT_WIDTH * (CONTENT[[1, 2]] @ CONTENT[4] - 1).numpy())
    assert scores[0, 0] == pytest.approx(
        np.log(weights @ near) + 0.9 * np.log(1.001), abs=5e-3
    )  # vectors of half the bits


def test_an_ad_that_is_shown_often_comes_forward() -> None:
    rate = [1.0] * 11
    rate[6] = 1e9
    assert ranked(context(rate), 0)[0] == 6


def test_of_a_large_pool_only_the_most_promising_are_searched() -> None:
    made = context([*range(11)], pool=2)
    assert made.rows.tolist() == [9, 10]  # as the tables number them
    assert made.pool.tolist() == [1, 0]


def test_candidates_and_rows_name_the_same_ads() -> None:
    for pool in (10, 4):
        pairs = retrieve(context([*range(11)], pool=pool), np.arange(2))
        np.testing.assert_array_equal(np.arange(10, 0, -1)[pairs.candidate], pairs.item)


def test_a_query_alone_gets_what_it_gets_among_others() -> None:
    made = context()
    both = retrieve(made, np.arange(2))
    for query in range(2):
        alone = retrieve(made, np.array([query]))
        assert alone.item[0].tolist() == both.item[query].tolist()
        assert np.allclose(alone.scores[0], both.scores[query])


def test_tables_speak_in_shares_of_the_mean_in_deviations_or_as_they_are() -> None:
    scores = np.array([[0.0, 1.0, 3.0, 0.0]], np.float32)
    assert weigh_scores("lift of the ads", scores) is scores
    assert weigh_scores("linear", scores) == pytest.approx(scores / scores.std())
    assert weigh_scores("counts of the ads", scores) == pytest.approx(np.log(scores + 0.01))


def test_recent_clicks_speak_where_times_say_more_than_the_order() -> None:
    made = context()
    made = dataclasses.replace(made, votes=Votes({"clicks lately": 1.0}, {}, ()))
    said = weigh_evidence(made, weigh_events(made.queries, 8), {})["clicks lately"]
    assert said.shape == (10,)
    assert made.rows[int(said.argmax())] == 1  # clicked by both
