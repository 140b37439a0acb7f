"""Who searches what and when: companies and their travellers, sessions over time, twin sessions, routes, dates; and the
drift from train to test. ``choice_model.py`` has the tastes.

A *search* is what one traveller looks for; a *session* is one file entry (one ``ranker_id``). Colleagues who travel
together give twin sessions: the same search, and so the same options, seconds apart.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtri

from common.arrays import Bools, Floats, Ints
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import CARRIERS, CODES, draw_legs, draw_pairs

# Sessions, users and companies: Kaggle FlightRank 2025, counts of the two files.
TRAIN_SESSIONS, TRAIN_USERS, TRAIN_COMPANIES = 105_539, 32_922, 641
TEST_SESSIONS, TEST_USERS, UNSEEN_COMPANIES = 45_231, 18_981, 41
CITY_PAIRS = 2300  # assumed: gives about the 5,769 search routes of train at scale 1
# How companies and routes grow with the scale. By the square root a small world still has many companies: the tastes of
# a few large ones would decide how hard its last weeks are, and validation would promise what the test does not keep.
SLOW_POWER = 0.5
# Who travels how often: lognormal, so that about 38 % of the users of train have one session and the most 53.
ACTIVITY_SIGMA, PEOPLE = 1.05, 1.6  # people a user of a file: some do not search
KNOWN_TEST_USERS, UNSEEN_SHARE = 0.60, 0.07  # of test's people; of those that train lacks in unseen companies; assumed
COMPANY_SIGMA, ROUTE_SLOTS = 1.0, 10
MALE, VIP, HOME_NATION = 0.66, 0.04, 0.95
LOYALTY = ("SU", "S7", "UT", "U6", "S7/SU", "SU/UT", "S7/SU/UT")  # frequentFlyer, the commonest first
LOYAL = (0.34, 0.52)  # of the travellers of train, and of those that only test has
# Companies with an agreement, by the size of their travel, with the first carrier and with each other:
# set so that 49.1 % of the rows have a code, as in Kaggle FlightRank 2025; which carriers the others are is assumed.
AGREED_FIRST, AGREED_OTHERS, TARIFF_CODES = 0.63, 0.20, 182
START, TEST_START, END = (
    int(np.datetime64(time, "s").astype(np.int64))
    for time in ("2024-05-17T03:03:08", "2024-10-29T12:49:43", "2024-12-31T18:54:00")
)
DAY_S = 86_400
# Sessions a day by month, from May on, as weights; from the rows by month of Kaggle FlightRank 2025.
DAILY = (66, 69, 106, 109, 149, 137, 130, 85)
WEEKEND = 0.3
TWIN_SHARE = 0.18  # assumed: sessions that join a colleague's search
NOT_BY_SELF = 0.54  # of test travellers; of train travellers none
# Medians of the options of a search, one way and return, and spreads of the logarithm below and above, train and test;
# from the group sizes and rows of Kaggle FlightRank 2025 column statistics.
ONE_WAY_SIZE, RETURN_SIZE, TEST_SIZE, LARGEST = 66.0, 55.0, 0.66, 3700.0
CAPITAL_SIZE = 3.0  # as many on returns between Moscow and St Petersburg
LOW_SIGMA, HIGH_SIGMA = (1.45, 1.0), (1.75, 1.9)
ONE_WAY, CAPITAL_DRIFT = (0.44, 0.34), 0.09  # trips one way in train and test; test searches that become MOW - LED
BUSINESS_RATE = (0.6, 0.1)  # searches with business fares, train and test
FORWARD = 0.85  # of trips start at the usual end of the pair


@dataclass(frozen=True)
class People:
    """``companies``: code, cap (prices up to it times the cheapest are within the policy); ``agreements`` (companies,
    carriers): tariff codes, -1 for none; ``routes`` (companies, ROUTE_SLOTS): pairs, the usual first. ``travellers``:
    company, code, male, vip, nationality, loyalty (index, -1: none), and their weights in the ``train`` and ``test``.
    """

    companies: pl.DataFrame
    agreements: Ints
    routes: Ints
    travellers: pl.DataFrame


@dataclass(frozen=True)
class SimulationState:
    """All that is drawn before options and bookings, which follow from it alone.

    ``searches``: user, company, pair, flip (from the pair's end), round_trip, out_day, back_day (since 1970), lead
    (days), test, business, ``target`` (options that the site means to show; what the day has may be less).
    ``sessions``, in file order, train first: user, search, time (seconds since 1970), ``joined`` (a twin that is not
    the first of its search), by_self, test.
    """

    pairs: pl.DataFrame
    legs: pl.DataFrame
    people: People
    searches: pl.DataFrame
    sessions: pl.DataFrame
    seed: int


def draw_state(scale: float, seed: int) -> SimulationState:
    """The state at a scale; the same arguments give the same state.

    Users grow with the sessions; companies and routes grow more slowly.
    """
    pairs = draw_pairs(max(30, round(CITY_PAIRS * scale**SLOW_POWER)), seed)
    people = draw_people(pairs, scale, seed)
    parts = {"train": TRAIN_SESSIONS, "test": TEST_SESSIONS}
    sessions = pl.concat(
        _draw_file(people.travellers, round(count * scale), name, seed) for name, count in parts.items()
    ).with_columns(search=(~pl.col("joined")).cum_sum().cast(pl.Int64) - 1)
    by_self = ~pl.col("test") | pl.Series(hashed(seed, 81, sessions["user"].to_numpy()) > NOT_BY_SELF)
    searches = _draw_searches(pairs, people, sessions.filter(~pl.col("joined")), seed)
    sessions = sessions.with_columns(by_self=by_self)
    return SimulationState(pairs, draw_legs(pairs, seed), people, searches, sessions, seed)


def _draw_file(travellers: pl.DataFrame, count: int, name: str, seed: int) -> pl.DataFrame:
    """One file's sessions by the time of the search, twins behind the first."""
    test = name == "test"
    rng = np.random.default_rng([4, int(test), seed])
    odds, company = travellers[name].to_numpy(), travellers["company"].to_numpy()
    user = rng.choice(len(odds), count, p=odds / odds.sum())
    user = user[np.argsort(company[user], kind="stable")]
    same = (company[user[1:]] == company[user[:-1]]) & (user[1:] != user[:-1])
    joined = np.append(False, same & (rng.random(count - 1) < TWIN_SHARE))
    leader = np.maximum.accumulate(np.where(joined, 0, np.arange(count)))
    low, high = (TEST_START, END) if test else (START, TEST_START - 55)
    start = _draw_times(count, low, high, rng)[leader]
    # Within a search the sessions follow each other by seconds, now and then by none.
    waited = np.cumsum(joined * np.where(rng.random(count) < 0.05, 0, rng.integers(2, 60, count)))
    time = np.minimum(start + waited - waited[leader], high)
    order = np.lexsort((np.arange(count), leader, start))
    columns = {"user": user, "time": time, "joined": joined, "test": np.full(count, test)}
    return pl.DataFrame(columns)[order]


def _draw_times(count: int, low: int, high: int, rng: np.random.Generator) -> Ints:
    """Seconds since 1970 from ``low`` to ``high``, by day and hour of business."""
    days = np.arange(low // DAY_S, high // DAY_S + 1)
    rate = np.array(DAILY, float)[days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 - 4]
    weight = rate * np.where((days + 3) % 7 >= 5, WEEKEND, 1.0)
    weight[[0, -1]] *= 0.5
    hour = np.clip(rng.normal(9.0, 3.4, count) % 24, 0, 23.99)
    second = rng.choice(days, count, p=weight / weight.sum()) * DAY_S + (hour * 3600).astype(np.int64)
    return np.where((second < low) | (second > high), rng.integers(low, low + 14_000, count), second)


def _draw_searches(pairs: pl.DataFrame, people: People, heads: pl.DataFrame, seed: int) -> pl.DataFrame:
    """What each search looks for; ``heads``: its first session."""
    number = np.arange(len(heads))
    user, time, test = (heads[name].to_numpy() for name in ("user", "time", "test"))
    company = people.travellers["company"].to_numpy()[user]
    # The traveller's own routes most often, then the company's, then any.
    kind, at = hashed(seed, 101, number), hashed(seed, 102, number)
    own = np.minimum(-2.2 * np.log(hashed(seed, 61, user, (3 * at**1.5).astype(int))), ROUTE_SLOTS - 1)
    slot = np.where(kind < 0.6, own, ROUTE_SLOTS * at**1.5).astype(int)
    steps = np.cumsum(pairs["weight"].to_numpy())
    anywhere = np.searchsorted(steps, at).clip(0, len(steps) - 1)
    pair = np.where(kind < 0.85, people.routes[company, slot], anywhere)
    pair = np.where(test & (hashed(seed, 103, number) < CAPITAL_DRIFT), 0, pair)
    round_trip = hashed(seed, 94, number) > np.where(test, ONE_WAY[1], ONE_WAY[0]) - np.where(pair == 0, 0.15, 0.0)
    lead = np.clip(np.exp(np.log(8.0) + 1.1 * hashed_normal(seed, 91, number)), 0.6, 170).astype(np.int64)
    abroad = pairs["abroad"].to_numpy()[pair]
    nights = np.minimum(-np.log(hashed(seed, 92, number)) * np.where(abroad, 5.0, 2.6) + abroad + 0.3 * ~abroad, 60)
    out_day = time // DAY_S + 1 + lead
    columns = {
        "user": user,
        "company": company,
        "pair": pair,
        "flip": hashed(seed, 93, user, pair) > FORWARD,
        "round_trip": round_trip,
        "out_day": out_day,
        "back_day": out_day + nights.astype(np.int64),
        "lead": lead,
        "test": test,
        "business": hashed(seed, 95, number) < np.where(test, BUSINESS_RATE[1], BUSINESS_RATE[0]),
        "target": _target_sizes(round_trip, (pair == 0) & round_trip, test, seed),
    }
    return pl.DataFrame(columns).with_row_index("search").cast({"search": pl.Int64})


def _target_sizes(round_trip: Bools, capital: Bools, test: Bools, seed: int) -> Floats:
    """Lognormal numbers of options, spread evenly in each file: a few large searches would else sway it."""
    rng = np.random.default_rng([5, seed])
    normal = ndtri(np.concatenate([(rng.permutation(n) + 0.5) / n for n in (int((~test).sum()), int(test.sum()))]))
    late = test.astype(int)
    spread = np.where(normal < 0, np.array(LOW_SIGMA)[late], np.array(HIGH_SIGMA)[late])
    middle = np.where(round_trip, RETURN_SIZE, ONE_WAY_SIZE) * np.where(test, TEST_SIZE, 1.0)
    size: Floats = np.minimum(middle * np.where(capital, CAPITAL_SIZE, 1.0) * np.exp(spread * normal), LARGEST)
    return size


# --- companies and travellers ---


def draw_people(pairs: pl.DataFrame, scale: float, seed: int) -> People:
    """Companies (those that train lacks last) and travellers (train's first, then those that only test has)."""
    rng = np.random.default_rng([2, seed])
    known, unseen = (
        max(least, round(n * scale**SLOW_POWER)) for least, n in ((6, TRAIN_COMPANIES), (1, UNSEEN_COMPANIES))
    )
    company = np.arange(known + unseen)
    weight = np.exp(COMPANY_SIGMA * hashed_normal(seed, 56, company))
    cap = 1.25 + 1.1 * np.exp(0.6 * hashed_normal(seed, 54, company))
    companies = pl.DataFrame({"code": 12_120 + 7 * rng.permutation(len(company)), "cap": cap})
    carrier = np.arange(len(CODES))
    agreed = hashed(seed, 75, company[:, None], carrier) < np.where(carrier == 0, AGREED_FIRST, AGREED_OTHERS)
    codes = (hashed(seed, 76, company[:, None], carrier) * TARIFF_CODES).astype(np.int64)
    travellers = _draw_travellers(weight, known, scale, rng)
    routes = rng.choice(len(pairs), (len(company), ROUTE_SLOTS), p=pairs["weight"].to_numpy())
    return People(companies, np.where(agreed, codes, -1), routes, travellers)


def _draw_travellers(weight: Floats, known: int, scale: float, rng: np.random.Generator) -> pl.DataFrame:
    old = max(6, round(PEOPLE * TRAIN_USERS * scale))
    new = max(2, round(PEOPLE * (1 - KNOWN_TEST_USERS) * TEST_USERS * scale))
    odds = weight[:known] / weight[:known].sum()
    company = rng.choice(known, old + new, p=odds)
    strangers = old + np.flatnonzero(rng.random(new) < UNSEEN_SHARE)
    company[strangers] = known + np.arange(len(strangers)) % (len(weight) - known)
    is_old = np.arange(old + new) < old
    activity = np.exp(ACTIVITY_SIGMA * rng.standard_normal(old + new))
    # Who travels much is likelier to travel on.
    stays = np.argsort(-(activity[:old] ** 0.7) * rng.exponential(size=old))
    stays = stays[: round(PEOPLE * KNOWN_TEST_USERS * TEST_USERS * scale)]
    loyal = rng.random(old + new) < np.where(is_old, *LOYAL)
    clubs = np.array([0.62, 0.12, 0.06, 0.05, 0.08, 0.04, 0.03])
    return pl.DataFrame(
        {
            "company": company,
            "code": 813 + 7 * rng.permutation(old + new),
            "male": rng.random(old + new) < MALE,
            "vip": rng.random(old + new) < VIP,
            "nationality": np.where(rng.random(old + new) < HOME_NATION, 36, rng.integers(0, 48, old + new)),
            "loyalty": np.where(loyal, rng.choice(len(LOYALTY), old + new, p=clubs), -1),
            "train": np.where(is_old, activity, 0.0),
            "test": np.where(np.isin(np.arange(old + new), stays) | ~is_old, activity, 0.0),
        }
    )


def favourite_carriers(at: Floats, count: int) -> Ints:
    """A carrier of the first ``count`` by their share of the flights inside Russia; ``at``: uniform numbers."""
    steps = np.cumsum(CARRIERS["inside"].to_numpy())
    return np.asarray(np.searchsorted(steps, at).clip(0, count - 1))
