"""The true choice model, and how bookings are drawn by it.

A traveller books option i with probability proportional to exp(L * V_i), the multinomial logit (McFadden, 1974). V is
linear in what an option costs, how long it takes, when it goes, who flies it and what its fare allows (``WEIGHTS``);
the weights are multiplied by preferences of the company and of the traveller, which no file shows. L falls slowly with
the number of options: choices from long lists are noisier (Swait and Adamowicz, 2001).

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
from competitions.flight.simulator.fare_rules import Rules
from competitions.flight.simulator.geography import FERRY, hashed, hashed_normal
from competitions.flight.simulator.offers import BUSINESS, FLEX, PREMIUM, Options
from competitions.flight.simulator.population import SimulationState
from competitions.flight.simulator.search_sessions import Sessions
from competitions.flight.simulator.travellers import loyalty_table

LAMBDA, USUAL_SIZE, TIRING = 1.9, 50.0, 0.06
COPY = 0.85
MEAN_HOURS = (9.0, 18.0)  # of the wished departure, out and back
OWN_HOURS, COMPANY_HOURS, HABIT_HOURS, ROUTE_HOURS = 0.7, 1.5, 1.5, 0.7  # its spreads; see preferred_hours
HABIT_SHARE = 0.10  # of a route's legs that are a habit of a company, and as many of a traveller
BAGS_MEAN, FLEXIBLE_MEAN = 0.5, 0.2  # what a bag, and freedom to change, is worth to the usual traveller
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
    """The rows of a chunk of sessions, before any is booked; ``user`` and ``company`` by row."""

    sessions: Sessions
    first: Ints
    session: Ints
    row: Ints
    user: Ints
    company: Ints


def draw_bookings(state: SimulationState, part: slice, options: Options, rules: Rules) -> Bookings:
    """Draw the booking of each session of ``part``, whose searches are those of ``options``."""
    choices = list_choices(state, part, options)
    first, session, joined = choices.first, choices.session, choices.sessions.joined
    sizes = np.diff(first)
    sharp = LAMBDA * (sizes / USUAL_SIZE) ** -TIRING
    own = softmax_within(sharp[session] * utilities(state, choices, options, rules), sizes)
    number = part.start + np.arange(len(joined))
    drawn = draw(own, first, hashed(state.seed, 151, number))
    leader = np.maximum.accumulate(np.where(joined, 0, np.arange(len(joined))))
    copies = joined & (hashed(state.seed, 152, number) < COPY)
    leading = np.arange(first[-1]) - first[session] + first[leader][session]
    probability = np.where(joined[session], COPY * own[leading] + (1 - COPY) * own, own)
    return Bookings(first, session, choices.row, probability, np.where(copies, drawn[leader], drawn))


def list_choices(state: SimulationState, part: slice, options: Options) -> Choices:
    """Every session with the options of its search; twins have the same ones."""
    sessions = take(state.sessions, part)
    search = sessions.search - sessions.search[0]
    sizes = np.diff(options.first)[search]
    first = np.append(0, np.cumsum(sizes))
    session = np.repeat(np.arange(len(search)), sizes)
    row = np.arange(first[-1]) + np.repeat(options.first[search] - first[:-1], sizes)
    user = sessions.user[session]
    return Choices(sessions, first, session, row, user, state.travellers.company[user])


def utilities(state: SimulationState, choices: Choices, options: Options, rules: Rules) -> Floats:
    """V of every row."""
    legs, travellers, row = state.legs, state.travellers, choices.row
    user, company = choices.user, choices.company
    out, back = options.out[row], options.back[row]
    cheap = np.log(options.price[row])
    trip = legs.segments[out] + np.where(back >= 0, legs.segments[back], 0)
    clerk = ~choices.sessions.by_self[choices.session]
    price = travellers.price[user] * state.companies.price[company] * np.where(clerk, CLERK_PRICE, 1.0)
    value = -WEIGHTS["price"] * price * above_least(cheap, choices)
    value -= WEIGHTS["dearer"] * (options.price > cheapest_fares(options))[row]
    value -= WEIGHTS["stops"] * travellers.stops[user] * above_least(trip, choices)
    value += WEIGHTS["policy"] * np.where(clerk, CLERK_POLICY, 1.0) * rules.within[row]
    value += WEIGHTS["tariff"] * state.companies.tariff[company] * (rules.tariff[row] >= 0)
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
    user, company, row = choices.user, choices.company, choices.row
    travellers, companies = state.travellers, state.companies
    bags = (BAGS_MEAN + travellers.bags[user] + companies.bags[company]) * (rules.bags[row] > 0)
    free = 0.6 * (rules.exchange_allowed[row] > 0) + 0.8 * ((fare == FLEX) | (fare > BUSINESS))
    flexible = (FLEXIBLE_MEAN + travellers.flexible[user] + companies.flexible[company]) * free
    cabin = (travellers.cabin[user] + 2.0 * travellers.vip[user] - 1.2) * (fare >= PREMIUM)
    value: Floats = WEIGHTS["bags"] * bags + WEIGHTS["flexible"] * flexible + WEIGHTS["cabin"] * cabin
    return value


def _carrier_terms(state: SimulationState, choices: Choices, carrier: Ints) -> Floats:
    user, company = choices.user, choices.company
    travellers, companies = state.travellers, state.companies
    table = np.pad(loyalty_table(), ((0, 1), (0, 0)))  # no club is the last row
    club = table[travellers.loyalty[user], np.minimum(carrier, FERRY)]
    favourite = (carrier == travellers.carrier[user]) * travellers.carrier_weight[user]
    preferred = (carrier == companies.carrier[company]) * companies.carrier_weight[company]
    value: Floats = WEIGHTS["carrier"] * favourite + WEIGHTS["company carrier"] * preferred + WEIGHTS["club"] * club
    return value


def _way_terms(state: SimulationState, choices: Choices, leg: Ints, way: int) -> Floats:
    """Terms of one way: minutes, the wished hour, nights, habits of the company and the traveller; 0 if absent."""
    known, leg = leg >= 0, np.maximum(leg, 0)
    travellers, user, company, seed = state.travellers, choices.user, choices.company, state.seed
    late = np.minimum(above_least(state.legs.duration[leg], choices) / 60.0, LONG_HOURS)
    hour = state.legs.departure[leg] / 60.0
    apart = np.abs(hour - preferred_hours(state, choices, state.legs.direction[leg], way)) % 24.0
    value = -WEIGHTS["minutes"] * travellers.minutes[user] * late
    value -= WEIGHTS["hour"] * travellers.hour[user] * np.minimum(apart, 24.0 - apart)
    value -= WEIGHTS["night"] * ((hour < 5.5) | (hour > 23))
    value += WEIGHTS["habit"] * (hashed(seed, 162, company, leg) < HABIT_SHARE)
    value += WEIGHTS["habit"] * (hashed(seed, 163, user, leg) < HABIT_SHARE)
    return value * known


def preferred_hours(state: SimulationState, choices: Choices, direction: Ints, way: int) -> Floats:
    """The hour at which one would leave: a habit of the company, of it on the route, of all on the route, own."""
    own = (state.travellers.out_hour, state.travellers.back_hour)[way][choices.user]
    company = hashed_normal(state.seed, 160, choices.company, way)
    habit = hashed_normal(state.seed, 161, choices.company, direction)
    route = hashed_normal(state.seed, 164, direction)
    return MEAN_HOURS[way] + OWN_HOURS * own + COMPANY_HOURS * company + HABIT_HOURS * habit + ROUTE_HOURS * route


def draw(probability: Floats, first: Ints, uniform: Floats) -> Ints:
    """Position drawn in each run of rows, by inverting its distribution at ``uniform`` (0 to 1, one a run).

    >>> draw(np.array([0.2, 0.5, 0.3, 1.0]), np.array([0, 3, 4]), np.array([0.6, 0.9])).tolist()
    [1, 0]
    """
    total = np.cumsum(probability)
    before = np.append(0.0, total)[first[:-1]]
    row = np.searchsorted(total, before + uniform * (total[first[1:] - 1] - before), side="right")
    position: Ints = np.clip(row, first[:-1], first[1:] - 1) - first[:-1]
    return position
