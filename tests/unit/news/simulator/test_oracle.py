"""The oracle ranks by the very distribution that the clicks are drawn from."""

import numpy as np
import pytest

from competitions.news.simulator import articles
from competitions.news.simulator.articles import (
    ClickContext,
    LiveCatalogue,
    click_distribution,
    make_catalogue,
    make_live_catalogue,
)
from competitions.news.simulator.sessions import make_sessions
from competitions.news.simulator.simulate import judge
from competitions.news.simulator.users import (
    Queries,
    Ranking,
    draw_items,
    draw_tastes,
    draw_unseen,
    make_queries,
    rank_best,
    score_hour,
)

Tiny = tuple[LiveCatalogue, Queries, np.ndarray]  # a catalogue, its queries and their hidden live articles
LATE_HOUR = 900  # long after the main days: few articles but the evergreens
BUSY_HOUR = 133  # with many articles, and a category without any


@pytest.fixture(scope="module")
def tiny() -> Tiny:
    newspaper = make_live_catalogue(make_catalogue(900, 400, 12, seed=5), seed=5)
    sessions = make_sessions((60, 40), (400, 500), seed=5)
    tastes = draw_tastes(newspaper, 100, seed=5)
    items = draw_items(newspaper, tastes, sessions, seed=5)
    return newspaper, make_queries(tastes, sessions, items), items[np.cumsum(sessions.counts)[60:] - 1]


@pytest.fixture(scope="module")
def hard(tiny: Tiny) -> Queries:
    """The tiny queries, some changed so that each part of the distribution is empty in one of them."""
    newspaper, queries, _ = tiny
    previous, hour = queries.previous.copy(), queries.hour.copy()
    previous[:5] = -1
    previous[5:10] = np.flatnonzero(newspaper.evergreen)[0]
    hour[10:15] = LATE_HOUR
    tastes = queries.tastes.copy()
    hour[30:32] = BUSY_HOUR
    listed = newspaper.rows[newspaper.bounds[BUSY_HOUR, 0] : newspaper.bounds[BUSY_HOUR, -1]]
    previous[30:32] = listed[~newspaper.evergreen[listed]][:2]
    for query in (10, 11, 30, 31):  # no taste, the last two with links
        empty = np.flatnonzero(np.diff(newspaper.bounds[hour[query]]) == 0)
        tastes[query] = empty[np.arange(tastes.shape[1]) % len(empty)]
    return Queries(hour, previous, tastes, queries.seen)


def chance_by_hand(newspaper: LiveCatalogue, queries: Queries, query: int) -> dict[int, float]:
    """P of every article with a chance, from the formula in articles.py, one article at a time."""
    hour, previous = int(queries.hour[query]), int(queries.previous[query])
    weights = articles.TASTE_DECAY ** np.arange(queries.tastes.shape[1])
    tastes = dict(zip(queries.tastes[query].tolist(), (weights / weights.sum()).tolist(), strict=True))
    seen = set(queries.seen[query].tolist())

    def fresh(item: int) -> float:
        age = hour - int(newspaper.born[item])
        if newspaper.evergreen[item]:
            return articles.EVERGREEN_FACTOR
        if not 1 <= age <= articles.FRESH_HOURS:
            return 0.0
        distance = abs(float(np.log(age / newspaper.height[item])))
        if distance > articles.FRESH_REACH * articles.FRESH_SIGMA:
            return 0.0
        return float(np.exp(-(distance**2) / (2 * articles.FRESH_SIGMA**2)) / age)

    pull = {item: float(newspaper.popularity[item]) * fresh(item) for item in range(len(newspaper.born))}
    liked = {item: tastes.get(int(newspaper.category[item]), 0.0) * g for item, g in pull.items()}
    linked = dict.fromkeys(pull, 0.0)
    if previous >= 0:
        for item, weight in zip(newspaper.neighbours[previous], newspaper.link_weights[previous], strict=True):
            linked[int(item)] += float(weight) * fresh(int(item))
    hot, taste, link = articles.OPEN_SHARES if previous < 0 else articles.CONTINUE_SHARES
    hot, taste = (hot, taste) if sum(liked.values()) > 0 else (hot + taste, 0.0)
    hot, link = (hot, link) if sum(linked.values()) > 0 else (hot + link, 0.0)
    parts = ((hot, pull), (taste, liked), (link, linked))
    chance = {
        item: sum(share * part[item] / sum(part.values()) for share, part in parts if share > 0)
        * (articles.REPEAT_FACTOR if item in seen else 1.0)
        for item, g in pull.items()
        if g > 0
    }
    total = sum(chance.values())
    return {item: value / total for item, value in chance.items()}


def test_oracle_is_exact(tiny: Tiny, hard: Queries) -> None:
    newspaper = tiny[0]
    ranking = rank_best(newspaper, hard)
    for query in range(len(hard.seen)):
        chance = chance_by_hand(newspaper, hard, query)
        best = sorted(chance.values(), reverse=True)[:5]
        np.testing.assert_allclose(ranking.chances[query], best, rtol=1e-9)
        assert len(set(ranking.items[query].tolist())) == 5
        given = [chance[int(item)] for item in ranking.items[query]]
        np.testing.assert_allclose(given, ranking.chances[query], rtol=1e-9)
    # Every case of the distribution is among them.
    distribution = click_distribution(newspaper, hard)
    linked, liked = distribution.link.sum(axis=1) > 0, distribution.taste.sum(axis=1) > 0
    known = hard.previous >= 0
    for case in (known & ~linked, ~known, ~liked & linked, ~liked & ~linked, liked & linked):
        assert case.any()
    again = [set(chance_by_hand(newspaper, hard, query)) & set(hard.seen[query].tolist()) for query in range(40)]
    assert sum(map(bool, again)) > 10


def test_clicks_are_drawn_from_the_distribution_of_the_oracle(tiny: Tiny) -> None:
    """20,000 users with one history and one context: their next clicks against the chances, by chi-square."""
    newspaper, users, hour = tiny[0], 20_000, 200
    members = newspaper.rows[newspaper.bounds[hour, 0] : newspaper.bounds[hour, -1]]
    known = members[np.argsort(-newspaper.popularity[members])[:4]]
    linked = members[newspaper.link_weights[members].sum(axis=1) > 0]
    tastes = np.unique(newspaper.category[members])[:2]
    one = ClickContext(np.array([hour]), linked[:1], tastes[None])
    many = ClickContext(*(np.repeat(part, users, axis=0) for part in vars(one).values()))
    seen = np.repeat(known[:, None], users, axis=1).astype(np.int32)
    drawn = draw_unseen(newspaper, many, seen, np.random.default_rng(1))
    chance = score_hour(newspaper, Queries(**vars(one), seen=known[None]), members)[0]
    assert np.isin(drawn, members).all()
    counts = np.bincount(np.searchsorted(members, drawn), minlength=len(members))
    common = chance * users >= 5
    observed = np.append(counts[common], counts[~common].sum())
    expected = np.append(chance[common], chance[~common].sum()) * users
    chi_square, freedom = float(((observed - expected) ** 2 / expected).sum()), len(expected) - 1
    assert common.sum() > 15
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5
    unseen = score_hour(newspaper, Queries(**vars(one), seen=np.full((1, 1), -1)), members)[0]
    assert 0 < np.isin(drawn, known).mean() < unseen[np.isin(members, known)].sum() / 2


def test_a_query_ends_before_the_hidden_click(tiny: Tiny) -> None:
    newspaper = tiny[0]
    sessions = make_sessions((60, 40), (400, 500), seed=5)
    items = np.arange(900)  # every click another article
    queries = make_queries(draw_tastes(newspaper, 100, seed=5), sessions, items)
    hidden = np.cumsum(sessions.counts)[60:] - 1
    assert (queries.previous == hidden - 1).all()
    assert ((queries.seen >= 0).sum(axis=1) == sessions.counts[60:] - 1).all()


def test_judge_by_hand() -> None:
    items = np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [1, 2, 3, 4, -1]])
    chances = np.array([[0.5, 0.2, 0.1, 0.0, 0.0], [0.1, 0.1, 0.1, 0.1, 0.1], [0.6, 0.4, 0.0, 0.0, 0.0]])
    oracle = judge(Ranking(items, chances), np.array([1, 8, 11]))
    assert oracle.score == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert oracle.details["hit@5"] == pytest.approx(2 / 3)
    first, second, third = 0.5 + 0.1 + 0.1 / 3, 0.1 * (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5), 0.6 + 0.2
    assert oracle.expected == pytest.approx((first + second + third) / 3)
    assert oracle.details["expected_hit@5"] == pytest.approx((0.8 + 0.5 + 1.0) / 3)
