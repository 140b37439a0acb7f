"""The plain rungs: on content by hand, four ads, one of them without content, and a log of seven events; the others."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from common.engine.errors import UserError
from competitions.learning.tencent import plain_rules
from competitions.learning.tencent.ladder import RULES
from competitions.learning.tencent.plain_rules import (
    ALS,
    AROUND,
    CONTENT_RULES,
    FADE,
    KERNEL,
    NEAREST,
    POPULARITY,
    Score,
    answer_in_bits,
    fit_content_rule,
    fit_regression,
    fit_rule,
    rank_all,
    score_regression,
)
from competitions.tencent.corpus import Catalogue, CatalogueRows, Corpus
from competitions.tencent.retrieval.content import Content
from competitions.tencent.sequences import Histories, last_times, whole
from competitions.tencent.split import Fold, build_fold
from competitions.tencent.top_k import TopK
from tests.unit.tencent.training_inputs import draw_log, make_catalogue, make_sequences, write_log

CONTENT = torch.tensor([[0, 0], [1, 0], [0, 1], [0.6, 0.8], [0, 0]])
NOW, HOUR = 1_000_000, 3_600  # the second behind the last event
# Ad 3 has three events, 1, 11 and 13 hours old; ad 1 one of 20 hours and one of this very second.
LOG = make_sequences(
    [(1, 0, NOW - 20 * HOUR), (2, 1, NOW - 14 * HOUR)],
    [(3, 0, NOW - 13 * HOUR), (3, 0, NOW - 11 * HOUR), (3, 0, NOW - 1 * HOUR), (1, 0, NOW - 1)],
    [(4, 1, NOW - 30 * HOUR)],
)
ROWS = CatalogueRows(np.array([1, 3, 4]))


def ask(histories: Histories, rows: np.ndarray, catalogue: Catalogue) -> tuple[Corpus, Fold]:
    """Every user of a log, at the user's last event."""
    corpus: Any = SimpleNamespace(catalogue=catalogue, train=histories.sequences)
    fold = build_fold(histories.sequences, histories.ends, histories.users[:0], CatalogueRows(rows))
    everybody = {"users": histories.users, "query_ends": histories.ends, "query_times": last_times(histories)}
    return corpus, replace(fold, **everybody)


def fit(content: torch.Tensor, key: str) -> Score:
    return fit_content_rule(content, *ask(whole(LOG), ROWS, make_catalogue(4)), key)


def test_the_kernel_adds_up_over_the_history_and_meets_what_others_see_now() -> None:
    def near(cosine: float) -> float:
        return math.exp(12 * (cosine - 1))

    interests = [0.9 * near(1) + 60 * near(0), 0.9 * near(0.6) + 60 * near(0.8), 60.9 * near(0)]
    near_by = np.array([2, 3, 1])  # within a day of the query 14 hours before NOW: of ads 1, 3, 4
    expected = np.log(interests) + np.log(near_by + 0.3)
    assert fit(CONTENT, KERNEL)(np.array([0]))[0].numpy() == pytest.approx(expected, abs=1e-3)


def test_the_ad_that_is_nearest_to_the_mean_of_a_history_comes_first() -> None:
    """Of ads 1, 3 and 4: ad 3 is like ad 2, which the user clicked last, and ad 4 like ad 1."""
    content = functional.normalize(torch.tensor([[0.0, 0], [1, 0], [0, 1], [0.1, 1], [1, 0]]), dim=1)
    scores = fit(content, NEAREST)(np.array([0]))[0]
    assert scores[1] > scores[2] == scores[0] > 0


def test_popular_is_the_whole_log_or_what_others_see_within_a_day_of_the_query() -> None:
    """The first user is asked at hour 100, the second at hour 300, the third at hour 77."""
    log = make_sequences([(1, 0, 0), (1, 0, 100 * HOUR)], [(1, 0, 2), (2, 0, 300 * HOUR)], [(3, 0, 77 * HOUR)])
    asked = ask(whole(log), np.array([1, 2, 3]), make_catalogue(4))
    everybody = np.arange(3)
    assert fit_rule(*asked, POPULARITY, 0)(everybody).tolist() == [[3.0, 1.0, 1.0]] * 3
    assert fit_rule(*asked, AROUND, 0)(everybody).tolist() == [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]


def test_other_methods_answer_on_a_log_and_factors_find_the_shared_taste() -> None:
    """Even users see ads 1..6, odd ones 7..12: each is scored highest what others of his kind saw."""
    rng = np.random.default_rng(0)
    lists = [[int(ad) for ad in rng.permutation(6)[:3] + 1 + 6 * (user % 2)] for user in range(40)]
    asked = ask(write_log(*lists), np.arange(1, 13), make_catalogue(12, columns={}))
    scores = fit_rule(*asked, ALS, 0)(np.array([0, 1]))
    assert scores.shape == (2, 12)
    assert scores[0, :6].min() > scores[0, 6:].max()
    assert scores[1, 6:].min() > scores[1, :6].max()
    for key in {key for key, *_ in RULES} - {*CONTENT_RULES}:
        plain = fit_rule(*asked, key, 0)(np.array([3])).numpy()
        assert plain.shape == (1, 12)
        assert np.isfinite(plain).all()
        assert plain.max() > plain.min()


CANDIDATES = CatalogueRows(np.arange(1, 401))


def rank(scores: torch.Tensor, histories: Histories, candidates: np.ndarray, top: int, block: int = 512) -> TopK:
    score = lambda queries: scores[torch.from_numpy(queries)].clone()  # noqa: E731
    return rank_all(score, histories, CatalogueRows(candidates), top, block)


@pytest.mark.parametrize("block", [512, 5])
def test_blocks_of_any_size_give_the_answer_of_brute_force(block: int) -> None:
    rng = np.random.default_rng(0)
    drawn = [[(int(item), 0, 0) for item in rng.integers(1, 450, rng.integers(0, 60))] for _ in range(37)]
    histories, scores = whole(make_sequences(*drawn)), torch.from_numpy(rng.normal(size=(37, 400)).astype(np.float32))
    best = rank(scores, histories, CANDIDATES, 10, block)
    for query, own in enumerate(scores.numpy()):
        seen = set(histories.sequences.item[histories.starts[query] : histories.ends[query]].tolist())
        allowed = [column for column in range(400) if CANDIDATES[column] not in seen]
        expected = sorted(allowed, key=lambda column, own=own: -own[column])[:10]
        assert best.rows[query].tolist() == CANDIDATES[expected].tolist()
        np.testing.assert_allclose(best.scores[query], own[expected], rtol=1e-5)


def test_who_has_seen_nearly_all_is_given_the_rest_and_then_nothing() -> None:
    seen = whole(make_sequences([(row, 0, 0) for row in (1, 2, 3, 5)], []))
    best = rank(torch.arange(5.0).repeat(2, 1), seen, np.array([1, 2, 3, 4, 5]), 6)
    assert best.rows.tolist() == [[4, 0, 0, 0, 0, 0], [5, 4, 3, 2, 1, 0]]
    assert best.scores[0, 1:5].tolist() == [-np.inf] * 4
    with pytest.raises(UserError, match="not finite"):
        rank(torch.tensor([[1.0, np.nan]]), whole(make_sequences([])), np.array([1, 2]), 2)


def test_few_bits_answer_nearly_as_float32_and_say_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_rules, "count_around", lambda *_: lambda block: torch.zeros(len(block), 200))
    rng, history = np.random.default_rng(0), whole(make_sequences([(1, 1, 0)], [(2, 1, 0), (3, 0, 1)]))
    vectors = rng.normal(size=(201, 8)).astype(np.float16)
    corpus: Any = SimpleNamespace(train=history.sequences)
    fold: Any = SimpleNamespace(queries=lambda log: history, candidates=CatalogueRows(np.arange(1, 201)))
    shares = []
    for bits in (8, 4, 2):
        top, columns = answer_in_bits(corpus, [Content("81", vectors)], fold, bits)
        assert columns["vectors MiB"] == pytest.approx((201 * 8 * bits / 8 + 201 * 4) / 2**20)
        assert top.rows.shape == (2, 10)
        shares.append(columns["share of float32's ten"])
    assert 1 >= shares[0] > shares[1] > shares[2] > 0.1


# The linear model against S and T written out row by row.
ADS = 8  # of the catalogue; ad 7 has no event


def solve_by_rows(histories: Histories, past_decay: float, future_decay: float) -> np.ndarray:
    """B from S and T with one row for each position of each history."""
    past, future, log = [], [], histories.sequences
    for user, end in zip(histories.users, histories.ends, strict=True):
        span = slice(log.offsets[user], end)
        events = list(zip(log.item[span], np.where(log.action[span] >= 1, 1.0, 0.2), strict=True))
        for position in range(len(events) - 1):
            past.append(np.zeros(ADS))
            future.append(np.zeros(ADS))
            for event, (item, weight) in enumerate(events):
                if event <= position:
                    past[-1][item] += weight * past_decay ** (position - event)
                else:
                    future[-1][item] += weight * future_decay ** (event - position - 1)
    s, t = np.array(past), np.array(future)
    return np.asarray(np.linalg.solve(s.T @ s + 2.0 * np.eye(ADS), s.T @ t))


@pytest.mark.parametrize("decays", [(0.8, 0.6), (0.5, 0.5)])
def test_coefficients_equal_the_regression_written_out(
    decays: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PAST", decays[0]), ("FUTURE", decays[1]), ("RIDGE", 2.0)):
        monkeypatch.setattr(plain_rules, name, value)
    histories = draw_log(40, 6, seed=1)
    ads, coefficients = fit_regression(histories, ADS)
    found = score_regression(ads, coefficients, write_log(*([row] for row in range(ADS))), ADS)
    np.testing.assert_allclose(found, solve_by_rows(histories, *decays), rtol=1e-3, atol=1e-5)
    last_two = score_regression(ads, coefficients, write_log([1, 2]), ADS)
    np.testing.assert_allclose(last_two[0], FADE * found[1] + found[2], rtol=1e-5)
