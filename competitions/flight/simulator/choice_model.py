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

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from common.arrays import Floats, Ints
from common.io.tables import read_csv
from common.learning.listwise_softmax import softmax_within
from common.simulation.sampling import draw_between
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import CARRIERS
from competitions.flight.simulator.search_sessions import DAY_S, START, SimulationState

# What is liked: its mean, and its spreads among travellers and among companies; a factor by its logarithm.
TASTES = read_csv(Path(__file__).with_name("tastes.csv"))
# By term: its weight, and what it multiplies.
WEIGHTS = dict(read_csv(Path(__file__).with_name("weights.csv")).select("term", "weight").iter_rows())
LAMBDA, USUAL_SIZE, TIRING = 1.9, 50.0, 0.06
COPY = 0.85
# Assumed, and set by how far a hold-out of the last tenth of train lies above the test, published as .013: see LOG.md.
TASTE_DAYS, HABIT_DAYS = 75.0, 150.0
EVERYBODY = 0.1  # spread of the drift that all share, of what is a factor; assumed
MEAN_HOURS = {"out": 9.0, "back": 18.0}  # of the wished departure
HOURS = (0.7, 1.5, 1.5, 0.7)  # its spreads: by traveller, by company, by company and direction, by direction
FAVOURITES = 6  # carriers that one may prefer, the first of the table
HABIT_SHARE = 0.10  # of a route's legs that are a habit of a company, and as many of a traveller
LONG_HOURS = 12.0  # beyond, more minutes do not matter
# Who books for another looks less at the price, more at the policy, and knows less of the other's wishes. The factor of
# L is set so that the test, half of which is booked so, is as hard as the end of train although its lists are shorter.
CLERK_PRICE, CLERK_POLICY, CLERK_LAMBDA = 0.8, 1.25, 0.9


def draw_bookings(choices: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The choices of whole searches with the ``probability`` of each, and which are ``booked``, one a session."""
    terms = choices.select(**list_terms())
    utility = sum(weight * terms[name].cast(pl.Float64).to_numpy() for name, weight in WEIGHTS.items())
    number, first, sizes = np.unique(choices["session"], return_index=True, return_counts=True)
    joined, by_self = (choices[name].to_numpy()[first] for name in ("joined", "by_self"))
    sharp = LAMBDA * (sizes / USUAL_SIZE) ** -TIRING * np.where(by_self, 1.0, CLERK_LAMBDA)
    own = softmax_within(np.repeat(sharp, sizes) * utility, sizes.astype(np.int32))
    steps = np.append(0.0, np.cumsum(own))
    drawn = draw_between(steps, first, first + sizes, hashed(seed, 151, number)) - first
    # A twin books what the first session of its search booked, or by its own choice.
    leader = np.maximum.accumulate(np.where(joined, 0, np.arange(len(sizes))))
    leading = own[np.arange(len(own)) - np.repeat(first - first[leader], sizes)]
    copies = joined & (hashed(seed, 152, number) < COPY)
    booked = np.zeros(len(own), bool)
    booked[first + np.where(copies, drawn[leader], drawn)] = True
    mixed = np.where(np.repeat(joined, sizes), COPY * leading + (1 - COPY) * own, own)
    return choices.with_columns(probability=mixed, booked=booked)


def list_choices(state: SimulationState, part: slice, options: pl.DataFrame) -> pl.DataFrame:
    """A row for each session of ``part`` and option of its search (twins have the same ones), with the session's tastes
    at its time and what of its legs they weigh.
    """
    searches = state.searches.select("search", "company", "pair", "flip", "round_trip", "out_day", "back_day")
    sessions = state.sessions[part].drop("test").join(searches, on="search", maintain_order="left")
    choices = add_tastes(state, sessions).join(options, on="search", maintain_order="left_right")
    user, company, day = (choices[name].to_numpy() for name in ("user", "company", "day"))
    for way in ("out", "back"):
        flown = {way: pl.col("leg"), f"{way}_duration": pl.col("duration"), f"{way}_hour": pl.col("departure") / 60.0}
        choices = choices.join(state.legs.select(**flown), on=way, how="left", maintain_order="left").with_columns(
            pl.Series(f"{way}_{name}", renewed(state.seed, day, key, who, choices[way]) < HABIT_SHARE)
            for name, key, who in (("company_habit", 162, company), ("habit", 163, user))
        )
    return choices


def list_terms() -> dict[str, pl.Expr]:
    """What each of ``WEIGHTS`` multiplies: a comparison within the session times a taste."""
    price, clerk, code = pl.col("price"), ~pl.col("by_self"), pl.lit(CARRIERS["code"]).gather("carrier")
    terms = {
        "price": _taste("price") * pl.when(clerk).then(CLERK_PRICE).otherwise(1.0) * _above(price.log()),
        "dearer": price > price.min().over("session", "out", "back"),
        "stops": _taste("stops") * _above(pl.col("segments")),
        "policy": pl.when(clerk).then(CLERK_POLICY).otherwise(1.0) * pl.col("within"),
        "tariff": _taste("tariff") * (pl.col("tariff") >= 0),
        "bags": _taste("bags") * (pl.col("bags") > 0),
        "flexible": _taste("flexible") * (0.6 * pl.col("exchange") + 0.8 * pl.col("free")),
        "cabin": _taste("cabin") * (pl.col("cabin") == 2.0),
        "carrier": _taste("carrier_weight").abs() * (pl.col("carrier") == _taste("carrier")),
        "company carrier": _taste("company_carrier_weight").abs() * (pl.col("carrier") == _taste("company_carrier")),
        "club": pl.col("clubs").str.contains(code, literal=True).fill_null(False),
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
    """The sessions with the tastes at their time, ``day`` (since ``START``) and ``clubs``."""
    seed, people = state.seed, state.travellers[sessions["user"]]
    user, company, pair, flip = (sessions[name].to_numpy() for name in ("user", "company", "pair", "flip"))
    day = ((sessions["time"] - START) / DAY_S).to_numpy()
    tastes: dict[str, Floats | Ints] = {}
    for key, (name, is_factor, mean, own, shared) in enumerate(TASTES.iter_rows()):
        liked = own * drifting_normal(seed, day, 60, key, user) + shared * drifting_normal(seed, day, 61, key, company)
        common = EVERYBODY * drifting_normal(seed, day, 62, key)
        tastes[name] = np.exp(liked + common) if is_factor else mean + liked
    tastes["cabin"] = tastes["cabin"] + 2.0 * people["vip"].to_numpy()
    # A traveller's favourite is often the company's, which is one of the largest by their share of the flights.
    largest = np.cumsum(CARRIERS["inside"].to_numpy())[: FAVOURITES - 1]
    company_carrier = np.searchsorted(largest, renewed(seed, day, 52, company))
    own_carrier = (renewed(seed, day, 70, user) * FAVOURITES).astype(np.int64)
    tastes["carrier"] = np.where(renewed(seed, day, 69, user) < 0.6, company_carrier, own_carrier)
    tastes["company_carrier"] = company_carrier
    for way, (name, mean_hour) in enumerate(MEAN_HOURS.items()):
        direction, wished = 2 * pair + (flip ^ bool(way)), np.full(len(day), mean_hour)
        for number, keys in enumerate(((user,), (company,), (company, direction), (direction,))):
            wished = wished + HOURS[number] * drifting_normal(seed, day, 160, way, number, *keys)
        tastes[f"{name}_hour"] = wished
    columns = {f"taste_{name}": values for name, values in tastes.items()}
    return sessions.with_columns(people["clubs"], day=day, **columns)


def drifting_normal(seed: int, day: Floats, *keys: ArrayLike) -> Floats:
    """Standard normal numbers at the ``day``, functions of ``seed`` and the keys, that drift by ``TASTE_DAYS``."""
    angle = day / TASTE_DAYS * hashed_normal(seed, *keys, 2)
    return np.asarray(np.cos(angle) * hashed_normal(seed, *keys) + np.sin(angle) * hashed_normal(seed, *keys, 1))


def renewed(seed: int, day: Floats, *keys: ArrayLike) -> Floats:
    """Uniform numbers at the ``day``, functions of ``seed`` and the keys, that are redrawn every ``HABIT_DAYS``."""
    period = np.floor(day / HABIT_DAYS + hashed(seed, *keys, 1)).astype(np.int64)
    return hashed(seed, *keys, 2, period)
