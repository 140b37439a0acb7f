"""The true choice model, and how bookings are drawn by it.

A traveller books option i with probability proportional to exp(L * V_i), the multinomial logit (McFadden, 1974). V is
linear in what an option costs, how long it takes, when it goes, who flies it and what its fare allows (``WEIGHTS``);
the weights are multiplied by preferences of the company and of the traveller at the time of the session, which no file
shows (``tastes.py``: they drift). L falls slowly with the number of options: choices from long lists are noisier (Swait
and Adamowicz, 2001).

Of the fares of one flight people mostly take the lowest: in six of seven real searches, in eight of ten here
(``dearer``). Reasons to pay more are bags, freedom to change, the cabin, and an agreement of the company with the
carrier, which every fare of that carrier is under (``tariff``).

A twin session takes the first session's booking with probability ``COPY``, else chooses by itself; an option's
probability there is a mixture of the two. The weights are assumed: they are set so that the oracle's HitRate@3, its
fall with the number of options, and the booked positions come near those published for FlightRank 2025.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Floats, Ints, take
from common.learning.listwise_softmax import softmax_within
from common.simulation.sampling import draw_between
from competitions.flight.simulator.fare_rules import Rules
from competitions.flight.simulator.hashing import hashed
from competitions.flight.simulator.offers import BUSINESS, FLEX, PREMIUM, Options
from competitions.flight.simulator.search_sessions import START, Sessions, SimulationState
from competitions.flight.simulator.tastes import Asked, Tastes, find_tastes, renewed
from competitions.flight.simulator.travellers import loyalty_table

LAMBDA, USUAL_SIZE, TIRING = 1.9, 50.0, 0.06
COPY = 0.85
HABIT_SHARE = 0.10  # of a route's legs that are a habit of a company, and as many of a traveller
LONG_HOURS = 12.0  # beyond, more minutes do not matter
CLERK_PRICE, CLERK_POLICY = 0.8, 1.25  # who books for another looks less at the price and more at the policy
WEIGHTS = {
    "price": 1.2,  # by log(price / cheapest of the session)
    "dearer": 1.1,  # a fare for which there is a cheaper one on the same flights
    "minutes": 0.45,  # by hour longer than the fastest, each way
    "stops": 1.3,  # by segment more than the fewest
    "hour": 0.24,  # by hour from the wished departure, each way
    "night": 0.6,  # departure from 23:00 to 5:30, each way
    "carrier": 0.3,  # the traveller's favourite
    "company carrier": 0.5,
    "club": 0.6,  # a carrier of frequentFlyer
    "bags": 0.5,
    "flexible": 1.1,
    "policy": 0.6,  # within the company's
    "tariff": 0.4,  # a corporate fare, to the usual company
    "cabin": 1.2,  # premium or business
    "habit": 0.5,  # a habitual leg, each way
}


@dataclass(frozen=True)
class Bookings:
    """Of a chunk of sessions: rows of ``Options`` of each, their probabilities, and the position booked in each."""

    first: Ints  # by session, where its rows begin; one more entry
    session: Ints  # by row, counted from the first of the chunk
    row: Ints  # into the options
    probability: Floats
    booked: Ints


@dataclass(frozen=True)
class Choices:
    """The rows of a chunk of sessions, before any is booked; ``asked`` and ``tastes`` by session."""

    sessions: Sessions
    asked: Asked
    tastes: Tastes
    first: Ints
    session: Ints
    row: Ints


def draw_bookings(state: SimulationState, part: slice, options: Options, rules: Rules) -> Bookings:
    """Draw the booking of each session of ``part``, whose searches are those of ``options``."""
    choices = list_choices(state, part, options)
    first, session, joined = choices.first, choices.session, choices.sessions.joined
    sizes = np.diff(first)
    sharp = LAMBDA * (sizes / USUAL_SIZE) ** -TIRING
    own = softmax_within(sharp[session] * utilities(state, choices, options, rules), sizes)
    number = part.start + np.arange(len(joined))
    steps = np.append(0.0, np.cumsum(own))
    drawn = draw_between(steps, first[:-1], first[1:], hashed(state.seed, 151, number)) - first[:-1]
    # A twin books what the first session of its search booked, or by its own choice.
    leader = np.maximum.accumulate(np.where(joined, 0, np.arange(len(joined))))
    leading = np.arange(first[-1]) - first[session] + first[leader][session]
    probability = np.where(joined[session], COPY * own[leading] + (1 - COPY) * own, own)
    copies = joined & (hashed(state.seed, 152, number) < COPY)
    return Bookings(first, session, choices.row, probability, np.where(copies, drawn[leader], drawn))


def list_choices(state: SimulationState, part: slice, options: Options) -> Choices:
    """Every session with the options of its search (twins have the same ones), and its tastes at its time."""
    sessions, searches = take(state.sessions, part), state.searches
    search = sessions.search - sessions.search[0]
    sizes = np.diff(options.first)[search]
    first = np.append(0, np.cumsum(sizes))
    session = np.repeat(np.arange(len(search)), sizes)
    row = np.arange(first[-1]) + np.repeat(options.first[search] - first[:-1], sizes)
    out = 2 * searches.pair[sessions.search] + searches.flip[sessions.search]
    days = (sessions.time - START.astype(np.int64)) / 86_400.0
    asked = Asked(sessions.user, state.travellers.company[sessions.user], days, (out, out ^ 1))
    return Choices(sessions, asked, find_tastes(asked, state.seed), first, session, row)


def utilities(state: SimulationState, choices: Choices, options: Options, rules: Rules) -> Floats:
    """V of every row."""
    legs, tastes, session, row = state.legs, choices.tastes, choices.session, choices.row
    out, back = options.out[row], options.back[row]
    cheap = np.log(options.price[row])
    trip = legs.segments[out] + np.where(back >= 0, legs.segments[back], 0)
    clerk = ~choices.sessions.by_self
    price = tastes.price * np.where(clerk, CLERK_PRICE, 1.0)
    value = -WEIGHTS["price"] * price[session] * above_least(cheap, choices)
    value -= WEIGHTS["dearer"] * (options.price > cheapest_fares(options))[row]
    value -= WEIGHTS["stops"] * tastes.stops[session] * above_least(trip, choices)
    value += WEIGHTS["policy"] * np.where(clerk, CLERK_POLICY, 1.0)[session] * rules.within[row]
    value += WEIGHTS["tariff"] * tastes.tariff[session] * (rules.tariff[row] >= 0)
    value += _fare_terms(state, choices, options.fare[row], rules) + _carrier_terms(state, choices, legs.carrier[out])
    for way, leg in enumerate((out, back)):
        value += _way_terms(state, choices, leg, way)
    return value


def cheapest_fares(options: Options) -> Floats:
    """By option, the price of the cheapest fare on its flights; the fares of an itinerary stand together."""
    starts = np.flatnonzero(np.diff(options.itinerary, prepend=-1))
    lowest = np.minimum.reduceat(options.price, starts)
    fares: Floats = np.repeat(lowest, np.diff(np.append(starts, len(options.price))))
    return fares


def above_least(values: Floats | Ints, choices: Choices) -> Floats:
    """By row, its value minus the smallest of its session."""
    least = np.minimum.reduceat(values, choices.first[:-1])
    above: Floats = (values - least[choices.session]).astype(np.float64)
    return above


def _fare_terms(state: SimulationState, choices: Choices, fare: Ints, rules: Rules) -> Floats:
    """Bags, freedom to change, and the cabin."""
    tastes, session, row = choices.tastes, choices.session, choices.row
    bags = tastes.bags[session] * (rules.bags[row] > 0)
    free = 0.6 * (rules.exchange_allowed[row] > 0) + 0.8 * ((fare == FLEX) | (fare > BUSINESS))
    cabin = tastes.cabin + 2.0 * state.travellers.vip[choices.asked.user] - 1.2
    value: Floats = WEIGHTS["bags"] * bags + WEIGHTS["flexible"] * tastes.flexible[session] * free
    value += WEIGHTS["cabin"] * cabin[session] * (fare >= PREMIUM)
    return value


def _carrier_terms(state: SimulationState, choices: Choices, carrier: Ints) -> Floats:
    tastes, session = choices.tastes, choices.session
    table = np.pad(loyalty_table(), ((0, 1), (0, 0)))  # no club is the last row
    club = table[state.travellers.loyalty[choices.asked.user][session], carrier]
    favourite = (carrier == tastes.carrier[session]) * tastes.carrier_weight[session]
    preferred = (carrier == tastes.company_carrier[session]) * tastes.company_carrier_weight[session]
    value: Floats = WEIGHTS["carrier"] * favourite + WEIGHTS["company carrier"] * preferred + WEIGHTS["club"] * club
    return value


def _way_terms(state: SimulationState, choices: Choices, leg: Ints, way: int) -> Floats:
    """Terms of one way: minutes, the wished hour, nights, habits of the company and the traveller; 0 if absent."""
    known, leg = leg >= 0, np.maximum(leg, 0)
    tastes, session, asked, seed = choices.tastes, choices.session, choices.asked, state.seed
    late = np.minimum(above_least(state.legs.duration[leg], choices) / 60.0, LONG_HOURS)
    hour = state.legs.departure[leg] / 60.0
    apart = np.abs(hour - tastes.hours[way][session]) % 24.0
    value = -WEIGHTS["minutes"] * tastes.minutes[session] * late
    value -= WEIGHTS["hour"] * tastes.hour[session] * np.minimum(apart, 24.0 - apart)
    value -= WEIGHTS["night"] * ((hour < 5.5) | (hour > 23))
    for key, who in ((162, asked.company), (163, asked.user)):
        value += WEIGHTS["habit"] * (renewed(seed, asked.day[session], key, who[session], leg) < HABIT_SHARE)
    return value * known
