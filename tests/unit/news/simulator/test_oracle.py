"""The oracle ranks by the very distribution that the clicks are drawn from."""

from dataclasses import replace

import numpy as np
import pytest

from common.arrays import take
from competitions.news.simulator import articles
from competitions.news.simulator.articles import (
    ClickContext,
    LiveCatalogue,
    make_catalogue,
    make_live_catalogue,
    split_chances,
)
from competitions.news.simulator.sessions import make_sessions
from competitions.news.simulator.simulate import judge
from competitions.news.simulator.users import draw_clicks, draw_items, make_queries, rank_best, score_hour

Tiny = tuple[LiveCatalogue, ClickContext]  # a catalogue and its queries


@pytest.fixture(scope="module")
def tiny() -> Tiny:
    newspaper = make_live_catalogue(make_catalogue(900, 400, 60, seed=5), seed=5)
    sessions = make_sessions((60, 40), (400, 500), seed=5)
    return newspaper, make_queries(sessions, draw_items(newspaper, sessions, seed=5))


@pytest.fixture(scope="module")
def hard(tiny: Tiny) -> ClickContext:
    """The tiny queries, some changed so that each part of the distribution is empty in one of them."""
    newspaper, queries = tiny
    opens, previous = queries.opens.copy(), queries.previous.copy()
    opens[:10] = True  # no links
    previous[:5] = -1  # nor a category
    # A category without an article in the query's hour, nor links as its articles are long gone, or not yet there.
    for query in range(10, 15):
        full = np.diff(newspaper.bounds[queries.hour[query]])[newspaper.category] > 0
        previous[query] = np.flatnonzero(~full)[0]
    return replace(queries, opens=opens, previous=previous)


def chance_by_hand(newspaper: LiveCatalogue, queries: ClickContext, query: int) -> dict[int, float]:
    """P of every article with a chance, from the formula in articles.py, one article at a time."""
    hour, previous, opens = int(queries.hour[query]), int(queries.previous[query]), bool(queries.opens[query])
    seen = set(queries.seen[query].tolist())

    def fresh(item: int) -> float:
        age = hour - int(newspaper.born[item])
        if not 1 <= age <= articles.FRESH_HOURS:
            return 0.0
        distance = abs(float(np.log(age / newspaper.height[item])))
        if distance > articles.FRESH_REACH * articles.FRESH_SIGMA:
            return 0.0
        return float(np.exp(-(distance**2) / (2 * articles.FRESH_SIGMA**2)) / age)

    pull = {item: float(newspaper.popularity[item]) * fresh(item) for item in range(len(newspaper.born))}
    alike, linked = dict.fromkeys(pull, 0.0), dict.fromkeys(pull, 0.0)
    if previous >= 0:
        alike = {item: g * (newspaper.category[item] == newspaper.category[previous]) for item, g in pull.items()}
        for item, weight in zip(newspaper.neighbours[previous], newspaper.link_weights[previous], strict=True):
            linked[int(item)] += float(weight) * fresh(int(item))
    hot, category, link = articles.OPEN_SHARES if opens else articles.CONTINUE_SHARES
    hot, category = (hot, category) if sum(alike.values()) > 0 else (hot + category, 0.0)
    hot, link = (hot, link) if sum(linked.values()) > 0 else (hot + link, 0.0)
    parts = ((hot, pull), (category, alike), (link, linked))
    repeat = articles.OPEN_REPEAT if opens else articles.CONTINUE_REPEAT
    chance = {
        item: sum(share * part[item] / sum(part.values()) for share, part in parts if share > 0)
        * (repeat if item in seen else 1.0)
        for item, g in pull.items()
        if g > 0
    }
    total = sum(chance.values())
    return {item: value / total for item, value in chance.items()}


def test_oracle_is_exact(tiny: Tiny, hard: ClickContext) -> None:
    newspaper = tiny[0]
    items, chances = rank_best(newspaper, hard)
    hands = [chance_by_hand(newspaper, hard, query) for query in range(len(hard.seen))]
    for chance, ranked, given in zip(hands, items.tolist(), chances, strict=True):
        np.testing.assert_allclose(given, sorted(chance.values(), reverse=True)[:5], rtol=1e-9)
        np.testing.assert_allclose(given, [chance[item] for item in ranked], rtol=1e-9)
        assert len(set(ranked)) == 5
    # Every case of the distribution is among them.
    parts = split_chances(newspaper, hard)
    linked, alike = parts[:, : articles.LINKS].sum(axis=1) > 0, parts[:, articles.LINKS] > 0
    for case in (alike & linked, alike & ~linked, ~alike & ~linked, ~hard.opens & ~linked, ~hard.opens & ~alike):
        assert case.any()
    for opens in (False, True):
        again = [set(hands[query]) & set(hard.seen[query].tolist()) for query in np.flatnonzero(hard.opens == opens)]
        assert sum(map(bool, again)) > 1


@pytest.mark.parametrize("opens", [False, True])
def test_clicks_are_drawn_from_the_distribution_of_the_oracle(tiny: Tiny, opens: bool) -> None:
    """20,000 users with one history and one context: their next clicks against the chances, by chi-square."""
    newspaper, users, hour = tiny[0], 20_000, 200
    members = newspaper.rows[newspaper.bounds[hour, 0] : newspaper.bounds[hour, -1]]
    known = members[np.argsort(-newspaper.popularity[members])[:4]]
    linked = members[newspaper.link_weights[members].sum(axis=1) > 0]
    one = ClickContext(np.array([hour]), np.array([opens]), linked[:1], known[None])
    drawn = draw_clicks(newspaper, take(one, np.zeros(users, np.int64)), np.random.default_rng(1))
    chance = score_hour(newspaper, one, members)[0]
    assert np.isin(drawn, members).all()
    counts = np.bincount(np.searchsorted(members, drawn), minlength=len(members))
    common = chance * users >= 5
    observed = np.append(counts[common], counts[~common].sum())
    expected = np.append(chance[common], chance[~common].sum()) * users
    chi_square, freedom = float(((observed - expected) ** 2 / expected).sum()), len(expected) - 1
    assert common.sum() > 15
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5
    unseen = score_hour(newspaper, replace(one, seen=np.full((1, 1), -1)), members)[0]
    assert 0 < np.isin(drawn, known).mean() < unseen[np.isin(members, known)].sum() / 2


def test_a_query_ends_before_the_hidden_click() -> None:
    sessions = make_sessions((60, 40), (400, 500), seed=5)
    queries = make_queries(sessions, np.arange(900))  # every click another article
    hidden = np.cumsum(sessions.counts)[60:] - 1
    assert (queries.previous == hidden - 1).all()
    assert ((queries.seen >= 0).sum(axis=1) == sessions.counts[60:] - 1).all()


def test_judge_by_hand() -> None:
    items = np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [1, 2, 3, 4, -1]])
    chances = np.array([[0.5, 0.2, 0.1, 0.0, 0.0], [0.1, 0.1, 0.1, 0.1, 0.1], [0.6, 0.4, 0.0, 0.0, 0.0]])
    oracle = judge(items, chances, np.array([1, 8, 11]))
    assert oracle.score == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert oracle.details["hit@5"] == pytest.approx(2 / 3)
    first, second, third = 0.5 + 0.1 + 0.1 / 3, 0.1 * (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5), 0.6 + 0.2
    assert oracle.expected == pytest.approx((first + second + third) / 3)
    assert oracle.details["expected_hit@5"] == pytest.approx((0.8 + 0.5 + 1.0) / 3)
