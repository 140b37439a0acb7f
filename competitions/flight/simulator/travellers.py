"""Companies, their travellers, and who searches how often; ``choice_model.py`` has their tastes."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from common.arrays import Floats, Ints
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import CARRIERS, CODES

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
