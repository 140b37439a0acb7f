"""Who searches what and when: sessions over time, twin sessions, routes, dates; and the drift from train to test.

A *search* is what one traveller looks for; a *session* is one file entry (one ``ranker_id``). Colleagues who travel
together give twin sessions: the same search, and so the same options, seconds apart.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from common.arrays import Bools, Floats, Ints
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import Legs, Pairs, draw_legs, draw_pairs
from competitions.flight.simulator.travellers import (
    OWN_ROUTES,
    Companies,
    Sizes,
    Travellers,
    make_companies,
    make_travellers,
)

START = np.datetime64("2024-05-17T03:03:08", "s")
TEST_START = np.datetime64("2024-10-29T12:49:43", "s")
END = np.datetime64("2024-12-31T18:54:00", "s")
# First day of a period and its sessions a day, as weights; from the rows by month and the quartiles of requestDate,
# Kaggle FlightRank 2025 column statistics.
DAILY = (
    ("2024-05-17", 66), ("2024-06-01", 69), ("2024-07-01", 106), ("2024-08-01", 109), ("2024-09-01", 149),
    ("2024-10-01", 139), ("2024-10-29", 122), ("2024-11-12", 132), ("2024-11-25", 137), ("2024-12-08", 95),
    ("2024-12-21", 48),
)  # fmt: skip
WEEKEND = 0.3
TWIN_SHARE = 0.18  # assumed: sessions that join a colleague's search
NOT_BY_SELF = 0.54  # of test travellers; of train travellers none
ONE_WAY_DRIFT = -0.12
CAPITAL_DRIFT = 0.08  # of test searches become Moscow - St Petersburg
# Medians of the options of a search, one way and return, and spreads of the logarithm; from the group sizes and rows of
# Kaggle FlightRank 2025 column statistics.
ONE_WAY_SIZE, RETURN_SIZE, SIZE_SIGMA = 66.0, 55.0, (1.8, 1.95)
CAPITAL_SIZE, CAPITAL_SIGMA = 3.0, (1.15, 1.5)
LOW_SIGMA = (1.45, 1.1)  # below the median: small searches are fewer than the mirror image of the large ones
TEST_SIZE, LARGEST = 0.66, 3700.0
BUSINESS_RATE = (0.29, 0.035)  # searches with business fares, train and test
DIRECT_ONLY = 0.12
FORWARD = 0.78  # of trips start at the usual end of the pair


@dataclass(frozen=True)
class Searches:
    """One entry a search: where, when, and on which terms; times are minutes and days since 1970."""

    user: Ints
    pair: Ints
    flip: Bools
    round_trip: Bools
    out_day: Ints
    back_day: Ints
    lead_days: Ints
    test: Bools
    business: Bools
    target: Floats  # options that the site means to show; what the day has may be less
    direct_only: Bools


@dataclass(frozen=True)
class Sessions:
    """One entry a session, in file order: train first. ``joined``: a twin that is not the first of its search."""

    user: Ints
    search: Ints
    time: Ints  # seconds since 1970
    joined: Bools
    by_self: Bools
    test: Bools


@dataclass(frozen=True)
class SimulationState:
    """All that is drawn before options and bookings, which follow from it alone."""

    pairs: Pairs
    legs: Legs
    companies: Companies
    travellers: Travellers
    searches: Searches
    sessions: Sessions
    seed: int


def draw_state(sizes: Sizes, seed: int) -> SimulationState:
    """The state at some sizes; the same arguments give the same state."""
    pairs = draw_pairs(sizes.pairs, seed)
    companies, weight = make_companies(pairs, sizes, seed)
    travellers = make_travellers(companies, weight, sizes, seed)
    searches, sessions = draw_sessions(pairs, companies, travellers, seed)
    return SimulationState(
        pairs=pairs,
        legs=draw_legs(pairs, seed),
        companies=companies,
        travellers=travellers,
        searches=searches,
        sessions=sessions,
        seed=seed,
    )


def draw_sessions(pairs: Pairs, companies: Companies, travellers: Travellers, seed: int) -> tuple[Searches, Sessions]:
    """Every session of train and test."""
    parts = [
        _draw_file(travellers, travellers.train_sessions, False, seed),
        _draw_file(travellers, travellers.test_sessions, True, seed),
    ]
    user, time, joined = (np.concatenate(column) for column in zip(*parts, strict=True))
    test = np.arange(len(user)) >= len(parts[0][0])
    search = np.cumsum(~joined) - 1
    by_self = ~test | (hashed(seed, 81, user) > NOT_BY_SELF)
    first = ~joined
    searches = _draw_searches(pairs, companies, travellers, user[first], time[first], test[first], seed)
    return searches, Sessions(user, search, time, joined, by_self, test)


def _draw_file(travellers: Travellers, counts: Ints, test: bool, seed: int) -> tuple[Ints, Ints, Bools]:
    """(user, time, joined) of one file's sessions by the time of the search, twins behind the first."""
    rng = np.random.default_rng([4, int(test), seed])
    user = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    user = user[np.argsort(travellers.company[user], kind="stable")]
    company = travellers.company[user]
    same = (company[1:] == company[:-1]) & (user[1:] != user[:-1])
    joined = np.append(False, same & (rng.random(len(user) - 1) < TWIN_SHARE))
    leader = np.maximum.accumulate(np.where(joined, 0, np.arange(len(user))))
    start = _draw_times(len(user), test, rng)[leader]
    # Within a search the sessions follow each other by seconds, now and then by none.
    step = np.where(joined, np.where(rng.random(len(user)) < 0.05, 0, rng.integers(2, 60, len(user))), 0)
    waited = np.cumsum(step)
    time = start + waited - waited[leader]
    order = np.lexsort((np.arange(len(user)), leader, start))
    edge = int((END if test else TEST_START).astype(np.int64)) - int(test is False) * 53
    return user[order], np.minimum(time[order], edge), joined[order]


def _draw_times(count: int, test: bool, rng: np.random.Generator) -> Ints:
    """Seconds since 1970 in the file's period, by day and hour of business."""
    days = np.arange(START.astype("datetime64[D]"), END.astype("datetime64[D]") + 1)
    period = np.searchsorted(np.array([day for day, _ in DAILY], "datetime64[D]"), days, side="right") - 1
    weekday = (days.astype(np.int64) + 3) % 7
    weight = np.array([rate for _, rate in DAILY], float)[period] * np.where(weekday >= 5, WEEKEND, 1.0)
    low, high = (TEST_START, END) if test else (START, TEST_START - 55)
    allowed = (days >= low.astype("datetime64[D]")) & (days <= high.astype("datetime64[D]"))
    weight = np.where(allowed, weight, 0.0)
    weight[days == low.astype("datetime64[D]")] *= 0.5
    weight[days == high.astype("datetime64[D]")] *= 0.5
    hour = np.clip(rng.normal(9.0, 3.4, count) % 24, 0, 23.99)
    second = rng.choice(days.astype(np.int64), count, p=weight / weight.sum()) * 86_400 + (hour * 3600).astype(np.int64)
    low_s, high_s = int(low.astype(np.int64)), int(high.astype(np.int64))
    return np.where((second < low_s) | (second > high_s), rng.integers(low_s, low_s + 14_000, count), second)


def _draw_searches(
    pairs: Pairs, companies: Companies, travellers: Travellers, user: Ints, time: Ints, test: Bools, seed: int
) -> Searches:
    number = np.arange(len(user))

    def uniform(key: int) -> Floats:
        return hashed(seed, key, number)

    pair = _choose_pair(pairs, companies, travellers, user, test, seed)
    one_way = travellers.one_way[user] + np.where(test, ONE_WAY_DRIFT, 0.0) - np.where(pair == 0, 0.15, 0.0)
    lead = np.clip(np.exp(np.log(8.0) + 1.1 * hashed_normal(seed, 91, number)), 0.6, 170).astype(np.int64)
    abroad = pairs.abroad[pair]
    nights = np.minimum(-np.log(uniform(92)) * np.where(abroad, 5.0, 2.6) + np.where(abroad, 1, 0.3), 60).astype(int)
    out_day = time // 86_400 + 1 + lead
    round_trip = uniform(94) > one_way
    rate = np.where(test, BUSINESS_RATE[1], BUSINESS_RATE[0]) * companies.business[travellers.company[user]]
    return Searches(
        user=user,
        pair=pair,
        flip=hashed(seed, 93, user, pair) > FORWARD,
        round_trip=round_trip,
        out_day=out_day,
        back_day=out_day + nights,
        lead_days=lead,
        test=test,
        business=uniform(95) < rate * np.where(travellers.vip[user], 2.0, 1.0),
        target=_target_sizes(pair, round_trip, test, seed),
        direct_only=uniform(97) < DIRECT_ONLY,
    )


def _target_sizes(pair: Ints, round_trip: Bools, test: Bools, seed: int) -> Floats:
    """Lognormal numbers of options, spread evenly in each file: a few large searches would else sway it."""
    rng = np.random.default_rng([5, seed])
    ranks = [(rng.permutation(count) + 0.5) / count for count in (int((~test).sum()), int(test.sum()))]
    normal = ndtri(np.concatenate(ranks))
    middle = np.where(round_trip, RETURN_SIZE, ONE_WAY_SIZE) * np.where(test, TEST_SIZE, 1.0)
    middle = middle * np.where((pair == 0) & round_trip, CAPITAL_SIZE, 1.0)
    usual, capital = (np.where(test, late, early) for early, late in (SIZE_SIGMA, CAPITAL_SIGMA))
    sigma = np.where((pair == 0) & round_trip, capital, usual)
    spread = np.where(normal < 0, np.where(test, LOW_SIGMA[1], LOW_SIGMA[0]), sigma)
    size: Floats = np.minimum(middle * np.exp(spread * normal), LARGEST)
    return size


def _choose_pair(
    pairs: Pairs, companies: Companies, travellers: Travellers, user: Ints, test: Bools, seed: int
) -> Ints:
    """The traveller's own routes most often, then the company's, then any."""
    number = np.arange(len(user))
    kind, uniform = hashed(seed, 101, number), hashed(seed, 102, number)
    own = travellers.routes[user, (uniform**1.5 * OWN_ROUTES).astype(int)]
    shared = companies.routes[travellers.company[user], (uniform**1.5 * companies.routes.shape[1]).astype(int)]
    steps = np.cumsum(pairs.weight)
    anywhere = np.searchsorted(steps, uniform).clip(0, len(steps) - 1)
    pair = np.select([kind < 0.6, kind < 0.85], [own, shared], anywhere)
    moved = test & (hashed(seed, 103, number) < CAPITAL_DRIFT)
    return np.where(moved, 0, pair)
