"""The second law of choice: screen by rules, then take the best of what is left.

No sum of tastes describes it: an option outside a rule is not made good by any price, and what a rule does depends on
which other options pass it. Screening before weighing is the classic alternative to the additive utility: elimination
by aspects (Tversky, 1972, Psychological Review 79), conjunctive screens estimated beside the logit by Gilbride and
Allenby (2004, Marketing Science 23).

The screens of traveller u of company c, in this order, on option i of a session with the options J:

1. policy: price_i <= cap_c * min over J of the price; cap_c: the company's in that file
2. window out, 3. window back: |departure_i - wished hour| <= ``WINDOW`` / hour_u, around the clock; hour_u is how much
   u minds the hour
4. stops: at most ``MOST_SEGMENTS`` segments each way

The caps are those of the policy that the file's isAccessTP tells; wished hours are the default law's, in no file.

S_0 = J, and S_k = those of S_(k-1) that pass screen k, or S_(k-1) itself where none does. What is left, S = S_4, is
weighed by a value v of price, minutes, carrier, free exchange and tariff (``WEIGHTS``), with Gumbel noise of size
``NOISE``; a traveller who pays no heed to his rules (probability ``LAPSE``) weighs all of J alike:

    P(i) = (1 - LAPSE) * [i in S] exp(v_i / NOISE) / sum over S of exp(v_j / NOISE)
           +    LAPSE  *          exp(v_i / NOISE) / sum over J of exp(v_j / NOISE)

so that every option can be booked and the oracle's probabilities are exact. The constants are assumed: they are set so
that the oracle's HitRate@3 comes near that of the default law.
"""

from collections.abc import Sequence

import numpy as np

from competitions.flight.simulator.choice_model import LONG_HOURS, Choices, above_least, preferred_hours, softmax
from competitions.flight.simulator.fare_rules import Rules, price_caps
from competitions.flight.simulator.geography import Bools, Floats, Ints
from competitions.flight.simulator.offers import Options
from competitions.flight.simulator.population import SimulationState

WINDOW = 2.0  # hours to either side of the wished one, for the usual traveller
MOST_SEGMENTS = 2  # one stop
NOISE, LAPSE = 0.6, 0.05
WEIGHTS = {
    "price": 2.0,  # by log(price / cheapest of the session)
    "minutes": 0.3,  # by hour longer than the fastest, each way
    "carrier": 0.7,  # the traveller's favourite
    "exchange": 0.5,  # free of charge
    "tariff": 0.3,  # a corporate fare, to the usual company
}


def choose_by_screening(state: SimulationState, choices: Choices, options: Options, rules: Rules) -> Floats:
    """By row, its probability under the law of this module."""
    left = apply_screens(list_screens(state, choices, options), choices.first)
    scaled = values(state, choices, options, rules) / NOISE
    kept = softmax(np.where(left, scaled, -np.inf), choices.first)
    probability: Floats = (1.0 - LAPSE) * kept + LAPSE * softmax(scaled, choices.first)
    return probability


def apply_screens(screens: Sequence[Bools], first: Ints) -> Bools:
    """By row, whether it is left after the screens, one after the other; a screen that would leave none is skipped.

    ``screens`` say by row whether it passes; ``first`` bounds the rows of each session (one more entry).
    """
    left = np.ones(first[-1], bool)
    for passes in screens:
        both = left & passes
        some = np.logical_or.reduceat(both, first[:-1])
        left = np.where(np.repeat(some, np.diff(first)), both, left)
    return left


def list_screens(state: SimulationState, choices: Choices, options: Options) -> list[Bools]:
    """By row, whether it passes each screen: policy, window out, window back, stops. A way not flown passes."""
    row = choices.row
    ways = options.out[row], options.back[row]
    policy = options.price[row] <= price_caps(state, options)[row]
    windows = [_in_window(state, choices, leg, way) for way, leg in enumerate(ways)]
    short = [(leg < 0) | (state.legs.segments[np.maximum(leg, 0)] <= MOST_SEGMENTS) for leg in ways]
    return [policy, *windows, short[0] & short[1]]


def _in_window(state: SimulationState, choices: Choices, leg: Ints, way: int) -> Bools:
    known, leg = leg >= 0, np.maximum(leg, 0)
    wished = preferred_hours(state, choices, state.legs.direction[leg], way)
    apart = np.abs(state.legs.departure[leg] / 60.0 - wished) % 24.0
    inside: Bools = np.minimum(apart, 24.0 - apart) <= WINDOW / state.travellers.hour[choices.user]
    return inside | ~known


def values(state: SimulationState, choices: Choices, options: Options, rules: Rules) -> Floats:
    """v of every row; the tastes for price and minutes are the traveller's, his company's for price and tariff."""
    legs, travellers, row, user = state.legs, state.travellers, choices.row, choices.user
    price = travellers.price[user] * state.companies.price[choices.company]
    value: Floats = -WEIGHTS["price"] * price * above_least(np.log(options.price[row]), choices)
    for leg in (options.out[row], options.back[row]):
        # One way, all are 0 above the least.
        late = above_least(legs.duration[np.maximum(leg, 0)], choices) / 60.0
        value -= WEIGHTS["minutes"] * travellers.minutes[user] * np.minimum(late, LONG_HOURS)
    value += WEIGHTS["carrier"] * (legs.carrier[options.out[row]] == travellers.carrier[user])
    value += WEIGHTS["exchange"] * ((rules.exchange_allowed[row] > 0) & (rules.exchange_fee[row] == 0))
    value += WEIGHTS["tariff"] * state.companies.tariff[choices.company] * (rules.tariff[row] >= 0)
    return value
