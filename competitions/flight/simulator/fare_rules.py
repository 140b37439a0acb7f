"""What a fare includes and allows, whether it is within the company's policy, seats left; one entry an option."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints
from competitions.flight.simulator.hashing import hashed
from competitions.flight.simulator.legs import CARRIERS
from competitions.flight.simulator.offers import BUSINESS, BUSINESS_FLEX, FLEX, LIGHT, PREMIUM, STANDARD, Options
from competitions.flight.simulator.search_sessions import SimulationState

# Shares of rows: Kaggle FlightRank 2025 column statistics.
UNKNOWN_RULES, UNKNOWN_STATUS, PERCENT_ROWS = 0.077, 0.0045, 0.0165
UNKNOWN_POLICY, TEST_UNKNOWN_POLICY = 0.0499, 0.0355
FULL_PLANE = 0.27  # of the entries have nine seats or more
FEE = 2800.0  # the published upper quartile of both fees
# Assumed, so that cancelling and exchange come near the published shares.
STRICT_LIGHT, RIGID_STANDARD = 0.08, 0.5
TEST_CAP = 1.1  # caps grow after the summer, or fewer dear options are shown: isAccessTP rises to 0.62


@dataclass(frozen=True)
class Rules:
    """Floats with nan where the file has no value. Bags are pieces, or kg where ``in_kg``; ``seats`` by way."""

    cancel_fee: Floats
    cancel_percent: Floats
    cancel_allowed: Floats
    exchange_fee: Floats
    exchange_percent: Floats
    exchange_allowed: Floats
    bags: Floats
    in_kg: Floats
    cabin: Floats
    within: Floats  # the policy as it is, known or not
    access: Floats  # the policy as the file has it
    tariff: Ints  # code of the company's agreement with the carrier, -1 for none
    seats: tuple[Floats, Floats]


def set_rules(state: SimulationState, options: Options) -> Rules:
    """Rules of the options of a chunk."""
    seed, fare, number = state.seed, options.fare, options.number
    carrier, pair = state.legs.carrier[options.out], state.searches.pair[number]
    free = (fare == FLEX) | (fare == BUSINESS_FLEX)
    strict = (fare == LIGHT) & (hashed(seed, 143, carrier, pair) < STRICT_LIGHT)
    rigid = (fare == LIGHT) | ((fare == STANDARD) & (hashed(seed, 142, carrier, pair) < RIGID_STANDARD))
    out_day, back_day = state.searches.out_day[number], state.searches.back_day[number]
    unknown = hashed(seed, 144, options.out, options.back + 1, out_day) < UNKNOWN_RULES
    blind = unknown | (hashed(seed, 145, number, options.out, options.back + 1, fare) < UNKNOWN_STATUS)
    percent = unknown | (hashed(seed, 146, options.out, options.back + 1) >= PERCENT_ROWS / (1 - UNKNOWN_RULES))
    share = np.where((fare == LIGHT) & (hashed(seed, 147, carrier) < 0.2), 25.0, 0.0)
    abroad = state.pairs.abroad[pair]
    fee = np.where(abroad, FEE + 1500 * np.round(6 * hashed(seed, 141, carrier, pair)), FEE)
    dear = fee * np.where(abroad, np.where(options.back >= 0, 3.0, 1.5), 1.0)
    test, user = state.searches.test[number], state.searches.user[number]
    hidden_policy = np.where(test, TEST_UNKNOWN_POLICY, UNKNOWN_POLICY)
    # Within the company's cap, and of an allowed cabin; colleagues who share a search are of one company.
    company = state.travellers.company[user]
    cap = state.companies.cap[company] * np.where(test, TEST_CAP, 1.0)
    cheapest = np.minimum.reduceat(options.price, options.first[:-1])[options.search]
    cabin = (fare < PREMIUM) | state.travellers.vip[user] | (hashed(seed, 149, company) < 0.2)
    within: Floats = ((options.price <= cap * cheapest) & cabin).astype(np.float64)
    bags, in_kg = _bags(fare, carrier, seed)
    return Rules(
        cancel_fee=_hide(np.where(free | strict, 0.0, fee), unknown),
        cancel_percent=_hide(share, percent),
        cancel_allowed=_hide(~strict, blind),
        exchange_fee=_hide(np.where(free | rigid, 0.0, dear), unknown),
        exchange_percent=_hide(share, percent),
        exchange_allowed=_hide(~rigid, blind),
        bags=bags,
        in_kg=in_kg,
        cabin=np.select([fare == PREMIUM, fare >= BUSINESS], [4.0, 2.0], 1.0),
        within=within,
        access=_hide(within, hashed(seed, 148, number, carrier) < hidden_policy),
        tariff=state.companies.agreement[company, carrier],
        seats=(_seats(options.out, out_day, fare, seed), _seats(options.back, back_day, fare, seed)),
    )


def _hide(values: NDArray[np.float64] | Bools, hidden: Bools) -> Floats:
    return np.where(hidden, np.nan, values.astype(np.float64))


def _bags(fare: Ints, carrier: Ints, seed: int) -> tuple[Floats, Floats]:
    """Baggage allowance: pieces, or kg at the carriers that weigh it."""
    weighed = CARRIERS["bags_in_kg"].to_numpy()[carrier] & (hashed(seed, 150, carrier, fare) < 0.9)
    pieces = np.array([0.0, 1.0, 2.0, 2.0, 2.0, 2.0])[fare]
    kilos = np.array([20.0, 30.0, 30.0, 35.0, 40.0, 40.0])[fare]
    return np.where(weighed, kilos, pieces), weighed.astype(np.float64)


def _seats(leg: Ints, day: Ints, fare: Ints, seed: int) -> Floats:
    """Seats left at the fare on the day: 9 stands for nine or more."""
    uniform = hashed(seed, 155, leg + 1, day, fare)
    few = np.maximum(uniform - FULL_PLANE, 0.0) / (1.0 - FULL_PLANE)
    return np.where(uniform < FULL_PLANE, 9.0, 1.0 + np.floor(8.0 * few**1.55))
