"""Who searches what and when: companies and their travellers, sessions over time, twin sessions, routes, dates; and the
drift from train to test. ``choice_model.py`` has the tastes.

A *search* is what one traveller looks for; a *session* is one file entry (one ``ranker_id``). Colleagues who travel
together give twin sessions: the same search, and so the same options, seconds apart.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import ndtri

from common.arrays import Floats, Ints
from common.io.tables import read_csv
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import CARRIERS, draw_legs, draw_pairs

# What the files differ in, by name: train's value, test's. Published: Kaggle FlightRank 2025, counts and column
# statistics; the others are assumed.
_ROWS = read_csv(Path(__file__).with_name("files.csv")).select("what", "train", "test").iter_rows()
FILES = {what: np.array(values) for what, *values in _ROWS}
CITY_PAIRS = 2300  # assumed: gives about the 5,769 search routes of train at scale 1
# How companies and routes grow with the scale. By the square root a small world still has many companies: the tastes of
# a few large ones would decide how hard its last weeks are, and validation would promise what the test does not keep.
SLOW_POWER = 0.5
# Who travels how often: lognormal, so that about 38 % of the users of train have one session and the most 53.
ACTIVITY_SIGMA, PEOPLE = 1.05, 1.6  # people a user of a file: some do not search
KNOWN_TEST_USERS, UNSEEN_SHARE = 0.60, 0.07  # of test's people; of those that train lacks in unseen companies; assumed
COMPANY_SIGMA, ROUTE_SLOTS = 1.0, 10
MALE, VIP, HOME_NATION = 0.66, 0.04, 0.95
# frequentFlyer, and how common each is among those who have one.
LOYALTY = {"SU": 0.62, "S7": 0.12, "UT": 0.06, "U6": 0.05, "S7/SU": 0.08, "SU/UT": 0.04, "S7/SU/UT": 0.03}
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
# Medians of the options of a search, one way and return; from the group sizes of Kaggle FlightRank 2025.
ONE_WAY_SIZE, RETURN_SIZE, LARGEST = 66.0, 55.0, 3700.0
CAPITAL_SIZE = 3.0  # as many on returns between Moscow and St Petersburg
FARES_SHOWN = 2.7  # of an itinerary, on average
FORWARD = 0.85  # of trips start at the usual end of the pair


@dataclass(frozen=True)
class SimulationState:
    """All that is drawn before options and bookings, which follow from it alone.

    ``companies``: code, cap (prices up to it times the cheapest are within the policy), ``agreements`` (tariff codes by
    carrier, -1 for none), ``routes`` (``ROUTE_SLOTS`` pairs, the usual first).
    ``travellers``: company, code, male, vip, nationality, clubs (of ``LOYALTY``, null: none), and their weights in the
    ``train`` and ``test``.
    ``searches``: user, company, vip, pair, abroad, flip (from the pair's end), round_trip, out_day, back_day (since
    1970), business, ``level`` (factor of prices), cap, ``limit`` (of the queue of the legs that it is offered).
    ``sessions``, in file order, train first: session, user, search, time (seconds since 1970), ``joined`` (a twin that
    is not the first of its search), by_self, test.
    """

    legs: pl.DataFrame
    companies: pl.DataFrame
    travellers: pl.DataFrame
    searches: pl.DataFrame
    sessions: pl.DataFrame
    seed: int


def draw_state(scale: float, seed: int) -> SimulationState:
    """The state at a scale; the same arguments give the same state."""
    pairs = draw_pairs(max(30, round(CITY_PAIRS * scale**SLOW_POWER)), seed)
    legs, (companies, travellers) = draw_legs(pairs, seed), _draw_people(pairs, scale, seed)
    files = [_draw_file(travellers, round(FILES["sessions"][test] * scale), test, seed) for test in (0, 1)]
    search = (~pl.col("joined")).cum_sum().cast(pl.Int64) - 1
    sessions = pl.concat(files).with_columns(session=pl.int_range(pl.len()), search=search)
    searches = _draw_searches(pairs, companies, travellers, sessions.filter(~pl.col("joined")), seed)
    return SimulationState(legs, companies, travellers, _limit_offers(searches, legs, seed), sessions, seed)


def _draw_file(travellers: pl.DataFrame, count: int, test: int, seed: int) -> pl.DataFrame:
    """One file's sessions by the time of the search, twins behind the first."""
    rng = np.random.default_rng([4, test, seed])
    odds, company = travellers["test" if test else "train"].to_numpy(), travellers["company"].to_numpy()
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
    by_self = hashed(seed, 81, user) > FILES["booked for another"][test]
    columns = {"user": user, "time": time, "joined": joined, "by_self": by_self, "test": np.full(count, test == 1)}
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


def _draw_searches(
    pairs: pl.DataFrame, companies: pl.DataFrame, travellers: pl.DataFrame, heads: pl.DataFrame, seed: int
) -> pl.DataFrame:
    """What each search looks for; ``heads``: its first session."""
    number = np.arange(len(heads))
    user, time, test = (heads[name].to_numpy() for name in ("user", "time", "test"))
    company, late = travellers["company"].to_numpy()[user], test.astype(int)
    # The traveller's own routes most often, then the company's, then any.
    kind, at = hashed(seed, 101, number), hashed(seed, 102, number)
    own = np.minimum(-2.2 * np.log(hashed(seed, 61, user, (3 * at**1.5).astype(int))), ROUTE_SLOTS - 1)
    slot = np.where(kind < 0.6, own, ROUTE_SLOTS * at**1.5).astype(int)
    steps = np.cumsum(pairs["weight"].to_numpy())
    anywhere = np.searchsorted(steps, at).clip(0, len(steps) - 1)
    pair = np.where(kind < 0.85, companies["routes"].to_numpy()[company, slot], anywhere)
    pair = np.where(hashed(seed, 103, number) < FILES["capital"][late], 0, pair)
    lead = np.clip(np.exp(np.log(8.0) + 1.1 * hashed_normal(seed, 91, number)), 0.6, 170).astype(np.int64)
    abroad = pairs["abroad"].to_numpy()[pair]
    nights = np.minimum(-np.log(hashed(seed, 92, number)) * np.where(abroad, 5.0, 2.6) + abroad + 0.3 * ~abroad, 60)
    out_day = time // DAY_S + 1 + lead
    columns = {
        "search": number,
        "user": user,
        "company": company,
        "vip": travellers["vip"].to_numpy()[user],
        "pair": pair,
        "abroad": abroad,
        "flip": hashed(seed, 93, user, pair) > FORWARD,
        "round_trip": hashed(seed, 94, number) > FILES["one way"][late] - np.where(pair == 0, 0.15, 0.0),
        "out_day": out_day,
        "back_day": out_day + nights.astype(np.int64),
        "business": hashed(seed, 95, number) < FILES["business fares"][late],
        "cap": companies["cap"].to_numpy()[company] * FILES["cap"][late],
        "level": (1.0 + 0.7 * (-pl.Series(lead) / 6.0).exp()) * FILES["price"][late],
        "test": test,
    }
    return pl.DataFrame(columns)


def _limit_offers(searches: pl.DataFrame, legs: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The searches with the ``limit`` below which as many legs lie as make about the options that it means to show:
    lognormal numbers, spread evenly in each file, as a few large searches would else sway it.
    """
    rng, (round_trip, pair, test) = np.random.default_rng([5, seed]), searches.select("round_trip", "pair", "test")
    late = test.cast(pl.Int64).to_numpy()
    normal = ndtri(np.concatenate([(rng.permutation(n) + 0.5) / n for n in np.bincount(late)]))
    spread = np.where(normal < 0, FILES["options below"][late], FILES["options above"][late])
    middle = np.where(round_trip, RETURN_SIZE, ONE_WAY_SIZE) * FILES["options"][late]
    capital = np.where((pair == 0) & round_trip, CAPITAL_SIZE, 1.0)
    kept = np.minimum(middle * capital * np.exp(spread * normal), LARGEST) / FARES_SHOWN
    ways = legs.filter(pl.col("direction") % 2 == 0).group_by("direction", "carrier").len().cast({"len": pl.Int64})
    counts = ways.group_by("direction").agg(one_way=pl.col("len").sum(), crossed=(pl.col("len") ** 2).sum())
    one_way, crossed = (counts.sort("direction")[name].to_numpy()[pair] for name in ("one_way", "crossed"))
    share = np.minimum(np.where(round_trip, np.sqrt(kept / crossed), kept / one_way), 1.0)
    # Below it lies the mean of two uniform numbers with the probability ``share``.
    limit = np.where(share < 0.5, np.sqrt(share / 2), 1 - np.sqrt((1 - share) / 2))
    return searches.with_columns(limit=limit)


# --- companies and travellers ---


def _draw_people(pairs: pl.DataFrame, scale: float, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Companies (those that train lacks last) and travellers (train's first, then those that only test has)."""
    rng = np.random.default_rng([2, seed])
    known, unseen = np.maximum(np.round(FILES["companies"] * scale**SLOW_POWER), (6, 1)).astype(int).tolist()
    company = np.arange(known + unseen)
    weight = np.exp(COMPANY_SIGMA * hashed_normal(seed, 56, company))
    code, carrier = 12_120 + 7 * rng.permutation(len(company)), np.arange(len(CARRIERS))
    agreed = hashed(seed, 75, company[:, None], carrier) < np.where(carrier == 0, AGREED_FIRST, AGREED_OTHERS)
    tariffs = (hashed(seed, 76, company[:, None], carrier) * TARIFF_CODES).astype(np.int64)
    travellers = _draw_travellers(weight, known, scale, rng)
    columns = {
        "code": code,
        "cap": 1.25 + 1.1 * np.exp(0.6 * hashed_normal(seed, 54, company)),
        "agreements": np.where(agreed, tariffs, -1),
        "routes": rng.choice(len(pairs), (len(company), ROUTE_SLOTS), p=pairs["weight"].to_numpy()),
    }
    return pl.DataFrame(columns), travellers


def _draw_travellers(weight: Floats, known: int, scale: float, rng: np.random.Generator) -> pl.DataFrame:
    train, test = PEOPLE * FILES["users"]
    old, new = max(6, round(train * scale)), max(2, round((1 - KNOWN_TEST_USERS) * test * scale))
    company = rng.choice(known, old + new, p=weight[:known] / weight[:known].sum())
    strangers = old + np.flatnonzero(rng.random(new) < UNSEEN_SHARE)
    company[strangers] = known + np.arange(len(strangers)) % (len(weight) - known)
    is_new = np.arange(old + new) >= old
    activity = np.exp(ACTIVITY_SIGMA * rng.standard_normal(old + new))
    # Who travels much is likelier to travel on.
    stays = np.argsort(-(activity[:old] ** 0.7) * rng.exponential(size=old))[: round(KNOWN_TEST_USERS * test * scale)]
    loyal = rng.random(old + new) < FILES["club members"][is_new.astype(int)]
    columns = {
        "company": company,
        "code": 813 + 7 * rng.permutation(old + new),
        "male": rng.random(old + new) < MALE,
        "vip": rng.random(old + new) < VIP,
        "nationality": np.where(rng.random(old + new) < HOME_NATION, 36, rng.integers(0, 48, old + new)),
        "clubs": rng.choice(list(LOYALTY), old + new, p=list(LOYALTY.values())),
        "train": np.where(is_new, 0.0, activity),
        "test": np.where(np.isin(np.arange(old + new), stays) | is_new, activity, 0.0),
    }
    return pl.DataFrame(columns).with_columns(clubs=pl.when(pl.Series(loyal)).then("clubs"))
