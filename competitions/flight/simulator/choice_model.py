"""The true choice model, the tastes behind it, and how bookings are drawn by it.

A traveller books option i with probability proportional to exp(L * V_i), the multinomial logit (McFadden, 1974). V is
linear in what an option costs, how long it takes, when it goes, who flies it and what its fare allows (``WEIGHTS``,
times ``list_terms``); the terms are multiplied by tastes of the company and of the traveller at the time of the
session, which no file shows. L falls slowly with the number of options: choices from long lists are noisier (Swait and
Adamowicz, 2001). Of the fares of one flight people mostly take the lowest: in six of seven real searches (``dearer``).

**Tastes drift.** A taste is a standard normal number that turns: a cos(w t) + b sin(w t), t in days, with a and b of
its own and a speed w from a normal distribution with a spread of 1 / ``TASTE_DAYS``. At any time its distribution is
the same, and over all tastes the correlation of two times falls with the days D between them: exp(-(D / TASTE_DAYS)^2
/ 2). What is or is not a habit (a leg, a favourite carrier) is drawn anew every ``HABIT_DAYS``, each at a date of its
own: the share 1 - D / HABIT_DAYS is as it was.

A twin session takes the first session's booking with probability ``COPY``, else chooses by itself; an option's
probability there is a mixture of the two. The weights are assumed: they are set so that the oracle's HitRate@3, its
fall with the number of options, and the booked positions come near those published for FlightRank 2025.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from common.arrays import Floats, Ints
from common.learning.listwise_softmax import softmax_within
from common.simulation.sampling import draw_between
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import CODES
from competitions.flight.simulator.offers import BUSINESS
from competitions.flight.simulator.search_sessions import DAY_S, LOYALTY, START, SimulationState, favourite_carriers

LAMBDA, USUAL_SIZE, TIRING = 1.9, 50.0, 0.06
COPY = 0.85
# Assumed, and set by how far a hold-out of the last tenth of train lies above the test, published as .013: see LOG.md.
TASTE_DAYS, HABIT_DAYS = 75.0, 150.0
EVERYBODY = 0.1  # spread of the drift that all share, of what is a factor; assumed
# What is liked: its mean, and its spreads among travellers and among companies; factors by their logarithm.
FACTORS = ("price", "minutes", "stops", "hour")
TASTES = {
    "price": (0.0, 0.2, 0.45),
    "minutes": (0.0, 0.3, 0.0),
    "stops": (0.0, 0.3, 0.0),
    "hour": (0.0, 0.3, 0.0),
    "bags": (0.5, 0.3, 0.5),
    "flexible": (0.2, 0.25, 0.6),
    "cabin": (-1.2, 1.0, 0.0),  # and 2 more for a VIP
    "tariff": (1.0, 0.0, 0.7),
    "carrier_weight": (0.0, 1.0, 0.0),
    "company_carrier_weight": (0.0, 0.0, 1.0),
}
MEAN_HOURS = {"out": 9.0, "back": 18.0}  # of the wished departure
HOURS = (0.7, 1.5, 1.5, 0.7)  # its spreads: by traveller, by company, by company and direction, by direction
FAVOURITES = 6  # carriers that one may prefer, the first of the table
HABIT_SHARE = 0.10  # of a route's legs that are a habit of a company, and as many of a traveller
LONG_HOURS = 12.0  # beyond, more minutes do not matter
# Who books for another looks less at the price, more at the policy, and knows less of the other's wishes. The factor of
# L is set so that the test, half of which is booked so, is as hard as the end of train although its lists are shorter.
CLERK_PRICE, CLERK_POLICY, CLERK_LAMBDA = 0.8, 1.25, 0.9
WEIGHTS = {
    "price": -1.2,  # by log(price / cheapest of the session)
    "dearer": -1.1,  # a fare for which there is a cheaper one on the same flights
    "stops": -1.3,  # by segment more than the fewest
    "policy": 0.6,  # within the company's
    "tariff": 0.4,  # a corporate fare
    "bags": 0.5,
    "flexible": 1.1,
    "cabin": 1.2,  # business
    "carrier": 0.3,  # the traveller's favourite
    "company carrier": 0.5,
    "club": 0.6,  # a carrier of frequentFlyer
    "minutes": -0.45,  # by hour longer than the fastest, each way; this and the rest
    "hour": -0.24,  # by hour from the wished departure
    "night": -0.6,  # departure from 23:00 to 5:30
    "company habit": 0.5,  # a leg that is one
    "habit": 0.5,
}


@dataclass(frozen=True)
class Bookings:
    """Of a chunk of sessions: the rows of each begin at ``first`` (one more entry), their ``probability``, and the
    position ``booked`` in each.
    """

    first: Ints
    probability: Floats
    booked: Ints

    @property
    def booked_rows(self) -> Ints:
        """The row of each session's booking."""
        return self.first[:-1] + self.booked


def draw_bookings(state: SimulationState, part: slice, choices: pl.DataFrame) -> Bookings:
    """Draw the booking of each session of ``part`` from its ``choices``."""
    joined, by_self = (state.sessions[name].to_numpy()[part] for name in ("joined", "by_self"))
    sizes = choices.group_by("session", maintain_order=True).len()["len"].to_numpy().astype(np.int32)
    first = np.append(0, np.cumsum(sizes, dtype=np.int64))
    session = np.repeat(np.arange(len(sizes)), sizes)
    sharp = LAMBDA * (sizes / USUAL_SIZE) ** -TIRING * np.where(by_self, 1.0, CLERK_LAMBDA)
    own = softmax_within(sharp[session] * compute_utilities(choices), sizes)
    number = part.start + np.arange(len(sizes))
    steps = np.append(0.0, np.cumsum(own))
    drawn = draw_between(steps, first[:-1], first[1:], hashed(state.seed, 151, number)) - first[:-1]
    # A twin books what the first session of its search booked, or by its own choice.
    leader = np.maximum.accumulate(np.where(joined, 0, np.arange(len(sizes))))
    leading = np.arange(first[-1]) - first[session] + first[leader][session]
    probability = np.where(joined[session], COPY * own[leading] + (1 - COPY) * own, own)
    copies = joined & (hashed(state.seed, 152, number) < COPY)
    return Bookings(first, probability, np.where(copies, drawn[leader], drawn))


def list_choices(state: SimulationState, part: slice, options: pl.DataFrame) -> pl.DataFrame:
    """A row for each session of ``part`` and option of its search (twins have the same ones), with the session's tastes
    at its time and what of its legs they weigh.
    """
    sessions = state.sessions[part].with_columns(session=np.arange(part.start, part.stop)).drop("joined", "test")
    sessions = sessions.join(state.searches.drop("user", "test"), on="search", maintain_order="left")
    choices = add_tastes(state, sessions).join(options, on="search", maintain_order="left_right")
    user, company, day = (choices[name].to_numpy() for name in ("user", "company", "day"))
    for way in ("out", "back"):
        leg = choices[way].to_numpy()
        own = state.legs[np.maximum(leg, 0)]
        habits = {"company_habit": (162, company), "habit": (163, user)}
        choices = choices.with_columns(
            pl.when(pl.col(way) >= 0).then(own["duration"]).alias(f"{way}_duration"),
            (own["departure"] / 60.0).alias(f"{way}_hour"),
            *[
                pl.Series(f"{way}_{name}", renewed(state.seed, day, key, who, leg) < HABIT_SHARE)
                for name, (key, who) in habits.items()
            ],
        )
    return choices


def compute_utilities(choices: pl.DataFrame) -> Floats:
    """V of every row."""
    terms = choices.select(**list_terms())
    return np.asarray(sum(WEIGHTS[name] * terms[name].cast(pl.Float64).to_numpy() for name in WEIGHTS))


def list_terms() -> dict[str, pl.Expr]:
    """What each of ``WEIGHTS`` multiplies: a comparison within the session times a taste."""
    price, clerk = pl.col("price"), ~pl.col("by_self")
    terms = {
        "price": _taste("price") * pl.when(clerk).then(CLERK_PRICE).otherwise(1.0) * _above(price.log()),
        "dearer": price > price.min().over("session", "out", "back"),
        "stops": _taste("stops") * _above(pl.col("segments")),
        "policy": pl.when(clerk).then(CLERK_POLICY).otherwise(1.0) * pl.col("within"),
        "tariff": _taste("tariff") * (pl.col("tariff") >= 0),
        "bags": _taste("bags") * (pl.col("bags") > 0),
        "flexible": _taste("flexible") * (0.6 * pl.col("exchange") + 0.8 * pl.col("free")),
        "cabin": _taste("cabin") * (pl.col("fare") == BUSINESS),
        "carrier": _taste("carrier_weight").abs() * (pl.col("carrier") == _taste("carrier")),
        "company carrier": _taste("company_carrier_weight").abs() * (pl.col("carrier") == _taste("company_carrier")),
        "club": pl.col("clubs").list.contains(pl.col("carrier")),
    }
    by_way = [_list_way_terms(way) for way in ("out", "back")]
    return terms | {name: pl.sum_horizontal(terms[name] for terms in by_way) for name in by_way[0]}


def _list_way_terms(way: str) -> dict[str, pl.Expr]:
    """Terms of one way, null where there is none: minutes, the wished hour, nights, habits."""
    duration, hour = pl.col(f"{way}_duration"), pl.col(f"{way}_hour")
    apart = (hour - _taste(f"{way}_hour")).abs() % 24.0
    terms = {
        "minutes": _taste("minutes") * (_above(duration) / 60.0).clip(upper_bound=LONG_HOURS),
        "hour": _taste("hour") * pl.min_horizontal(apart, 24.0 - apart),
        "night": (hour < 5.5) | (hour > 23),
        "company habit": pl.col(f"{way}_company_habit"),
        "habit": pl.col(f"{way}_habit"),
    }
    return {name: pl.when(pl.col(way) >= 0).then(term.cast(pl.Float64)) for name, term in terms.items()}


def _taste(name: str) -> pl.Expr:
    return pl.col(f"taste_{name}")


def _above(value: pl.Expr) -> pl.Expr:
    return value - value.min().over("session")


def add_tastes(state: SimulationState, sessions: pl.DataFrame) -> pl.DataFrame:
    """The sessions with the tastes at their time; ``day``: since ``START``; ``clubs``: rows of ``CARRIERS``."""
    seed, people = state.seed, state.people.travellers[sessions["user"]]
    user, company, pair, flip, time = (
        sessions[name].to_numpy() for name in ("user", "company", "pair", "flip", "time")
    )
    day = (time - START) / DAY_S
    tastes: dict[str, Floats | Ints] = {}
    for key, (name, (mean, own, shared)) in enumerate(TASTES.items()):
        liked = own * drifting_normal(seed, day, 60, key, user) + shared * drifting_normal(seed, day, 61, key, company)
        common = EVERYBODY * drifting_normal(seed, day, 62, key)
        tastes[name] = np.exp(liked + common) if name in FACTORS else mean + liked
    tastes["cabin"] = tastes["cabin"] + 2.0 * people["vip"].to_numpy()
    # A traveller's favourite is often the company's.
    company_carrier = favourite_carriers(renewed(seed, day, 52, company), FAVOURITES)
    own_carrier = (renewed(seed, day, 70, user) * FAVOURITES).astype(np.int64)
    tastes["carrier"] = np.where(renewed(seed, day, 69, user) < 0.6, company_carrier, own_carrier)
    tastes["company_carrier"] = company_carrier
    for way, (name, mean_hour) in enumerate(MEAN_HOURS.items()):
        direction, wished = 2 * pair + (flip ^ bool(way)), np.full(len(day), mean_hour)
        for number, keys in enumerate(((user,), (company,), (company, direction), (direction,))):
            wished = wished + HOURS[number] * drifting_normal(seed, day, 160, way, number, *keys)
        tastes[f"{name}_hour"] = wished
    held = [[CODES.index(carrier) for carrier in name.split("/")] for name in LOYALTY] + [[]]
    clubs = pl.Series(held, dtype=pl.List(pl.Int64)).gather(people["loyalty"].to_numpy() % len(held))
    return sessions.with_columns(day=day, clubs=clubs, **{f"taste_{name}": values for name, values in tastes.items()})


def drifting_normal(seed: int, day: Floats, *keys: ArrayLike) -> Floats:
    """Standard normal numbers at the ``day``, functions of ``seed`` and the keys, that drift by ``TASTE_DAYS``."""
    angle = day / TASTE_DAYS * hashed_normal(seed, *keys, 2)
    normal: Floats = np.cos(angle) * hashed_normal(seed, *keys) + np.sin(angle) * hashed_normal(seed, *keys, 1)
    return normal


def renewed(seed: int, day: Floats, *keys: ArrayLike) -> Floats:
    """Uniform numbers at the ``day``, functions of ``seed`` and the keys, that are redrawn every ``HABIT_DAYS``."""
    period = np.floor(day / HABIT_DAYS + hashed(seed, *keys, 1)).astype(np.int64)
    return hashed(seed, *keys, 2, period)
