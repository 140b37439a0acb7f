"""What companies and travellers like at the time of a session: their tastes drift.

A taste that no file shows is a standard normal number that turns: a cos(w t) + b sin(w t), t in days, with a and b of
its own and a speed w from a normal distribution with a spread of 1 / ``TASTE_DAYS``. At any time its distribution is
the same, and over all tastes the correlation of two times falls with the days L between them: exp(-(L / TASTE_DAYS)^2
/ 2). What is or is not a habit (a leg, a favourite carrier) is drawn anew every ``HABIT_DAYS``, each at a date of its
own: the share 1 - L / HABIT_DAYS is as it was.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from common.arrays import Floats, Ints
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import CARRIERS

# Assumed, and set by how far a hold-out of the last tenth of train lies above the test, published as .013: see LOG.md.
TASTE_DAYS, HABIT_DAYS = 75.0, 150.0
EVERYBODY = 0.1  # spread of the drift that all share, of the logarithm of a weight; assumed
MEAN_HOURS = (9.0, 18.0)  # of the wished departure, out and back
OWN_HOURS, COMPANY_HOURS, HABIT_HOURS, ROUTE_HOURS = 0.7, 1.5, 1.5, 0.7  # its spreads; see ``wished_hours``
FAVOURITES = 8  # carriers that one may prefer, the first of the table


@dataclass(frozen=True)
class Asked:
    """One entry a session: who asks, when (``day``: days since ``START``), which direction out and back."""

    user: Ints
    company: Ints
    day: Floats
    directions: tuple[Ints, Ints]


@dataclass(frozen=True)
class Tastes:
    """One entry a session: factors of the weights of price, minutes, stops and hours; what bags, freedom to change, a
    better cabin and a corporate fare are worth; favourite carriers; the wished hours out and back.
    """

    price: Floats
    minutes: Floats
    stops: Floats
    hour: Floats
    bags: Floats
    flexible: Floats
    cabin: Floats
    tariff: Floats
    carrier: Ints
    carrier_weight: Floats
    company_carrier: Ints
    company_carrier_weight: Floats
    hours: tuple[Floats, Floats]


def find_tastes(asked: Asked, seed: int) -> Tastes:
    """The tastes of each session at its time."""
    user, company, day = asked.user, asked.company, asked.day

    def own(key: int) -> Floats:
        return drifting_normal(seed, day, key, user)

    def shared(key: int) -> Floats:
        return drifting_normal(seed, day, key, company)

    def factor(key: int) -> Floats:
        return EVERYBODY * drifting_normal(seed, day, key)

    steps = np.cumsum(CARRIERS["weight_russia"].to_numpy()) / 1.02
    preferred = np.searchsorted(steps, renewed(seed, day, 52, company)).clip(0, FAVOURITES - 1)
    alike = renewed(seed, day, 69, user) < 0.6
    return Tastes(
        price=np.exp(0.2 * own(63) + 0.45 * shared(57) + factor(191)),
        minutes=np.exp(0.3 * own(64) + factor(192)),
        stops=np.exp(0.3 * own(65) + factor(193)),
        hour=np.exp(0.3 * own(68) + factor(194)),
        bags=0.5 + 0.3 * own(72) + 0.5 * shared(58),
        flexible=0.2 + 0.25 * own(73) + 0.6 * shared(59),
        cabin=own(74),
        tariff=1.0 + 0.7 * shared(60),
        carrier=np.where(alike, preferred, (renewed(seed, day, 70, user) * FAVOURITES).astype(int)),
        carrier_weight=np.abs(own(71)),
        company_carrier=preferred,
        company_carrier_weight=np.abs(shared(53)),
        hours=(wished_hours(asked, 0, seed), wished_hours(asked, 1, seed)),
    )


def wished_hours(asked: Asked, way: int, seed: int) -> Floats:
    """The hour at which one would leave: a habit of the company, of it on the route, of all on the route, own."""
    day, company, direction = asked.day, asked.company, asked.directions[way]
    own = drifting_normal(seed, day, 66 + way, asked.user)
    usual = drifting_normal(seed, day, 160, company, way)
    habit = drifting_normal(seed, day, 161, company, direction)
    route = drifting_normal(seed, day, 164, direction)
    return MEAN_HOURS[way] + OWN_HOURS * own + COMPANY_HOURS * usual + HABIT_HOURS * habit + ROUTE_HOURS * route


def drifting_normal(seed: int, day: Floats, *keys: ArrayLike) -> Floats:
    """Standard normal numbers at the ``day``, functions of ``seed`` and the keys, that drift by ``TASTE_DAYS``."""
    angle = day / TASTE_DAYS * hashed_normal(seed, *keys, 2)
    normal: Floats = np.cos(angle) * hashed_normal(seed, *keys) + np.sin(angle) * hashed_normal(seed, *keys, 1)
    return normal


def renewed(seed: int, day: Floats, *keys: ArrayLike) -> Floats:
    """Uniform numbers at the ``day``, functions of ``seed`` and the keys, that are redrawn every ``HABIT_DAYS``."""
    period = np.floor(day / HABIT_DAYS + hashed(seed, *keys, 1)).astype(np.int64)
    return hashed(seed, *keys, 2, period)
