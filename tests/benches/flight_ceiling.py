"""What stands between a flight model and the oracle: the oracle of a simulated set, robbed of what it knows.

    python -m tests.benches.flight_ceiling --scale 0.05 --seed 0

A model has to estimate from earlier bookings what the oracle knows. Each row ranks the test's options by the true law
with some hidden preferences put at their mean, and counts the hits of the very bookings that the truth file holds.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np

from common.engine.console import print_table, wide_console
from competitions.flight.simulator import choice_model
from competitions.flight.simulator.choice_model import COPY, Bookings, choose_by_logit, list_choices
from competitions.flight.simulator.geography import Bools, Floats, hashed, hashed_normal, sizes_at
from competitions.flight.simulator.oracle import SessionRanks, rank_sessions, summarise
from competitions.flight.simulator.population import SimulationState, draw_state
from competitions.flight.simulator.simulate import list_parts, make_chunk

COMPANY_HOUR, HABIT_HOUR, COMPANY_LEG, TRAVELLER_LEG = 160, 161, 162, 163  # keys of what choice_model hashes
USUAL = {"price": 1.02, "minutes": 1.04, "stops": 1.04, "hour": 1.04}  # means of log-normal factors; the rest have 0
TRAVELLER = ("out_hour", "back_hour", "carrier_weight", "bags", "flexible", "cabin", *USUAL)
COMPANY = {"price": 1.1, "carrier_weight": 0.0, "bags": 0.0, "flexible": 0.0, "tariff": 1.0}


@dataclass(frozen=True)
class Knowledge:
    """Whose preferences are known, by number; and of the companies their hours on a route and their habitual legs."""

    travellers: Bools
    companies: Bools
    route_hours: bool = True
    legs: bool = True


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.flight_ceiling", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    state = draw_state(sizes_at(options.scale), options.seed)
    every, none = (np.full(len(state.travellers.company), known) for known in (True, False))
    firms, no_firms = (np.full(len(state.companies.code), known) for known in (True, False))
    cases = {
        "oracle": Knowledge(every, firms),
        "without travellers whom train does not know": Knowledge(state.travellers.train_sessions > 0, firms),
        "without any traveller": Knowledge(none, firms),
        "and without habitual legs": Knowledge(none, firms, legs=False),
        "and without a company's hours on a route": Knowledge(none, firms, route_hours=False, legs=False),
        "without companies": Knowledge(none, no_firms, route_hours=False, legs=False),
    }
    print_table(wide_console(), "HitRate@3 on the truth", [score(state, name, known) for name, known in cases.items()])


def score(state: SimulationState, name: str, known: Knowledge) -> dict[str, Any]:
    """The hit rate of ranking by the true law under that knowledge."""
    robbed, ranks = rob(state, known), list[SessionRanks]()
    for part in list_parts(state, test=True):
        chunk = make_chunk(state, part)
        choices = list_choices(robbed, part, chunk.options)
        with blind(known):
            own = choose_by_logit(robbed, choices, chunk.options, chunk.rules)
        probability = follow_leader(own, choices.first, choices.session, choices.sessions.joined)
        bookings: Bookings = replace(chunk.bookings, probability=probability)
        ranks.append(rank_sessions(bookings, state.sessions.search[part]))
    result = summarise(ranks)
    return {"known": name, "HitRate@3": result.hit_rate["3"], "error": result.standard_error["3"]}


def rob(state: SimulationState, known: Knowledge) -> SimulationState:
    """The state with the preferences of unknown travellers and companies at their means."""
    people, firms = state.travellers, state.companies
    mean = {name: np.where(known.travellers, getattr(people, name), USUAL.get(name, 0.0)) for name in TRAVELLER}
    usual = {name: np.where(known.companies, getattr(firms, name), value) for name, value in COMPANY.items()}
    return replace(state, travellers=replace(people, **mean), companies=replace(firms, **usual))


@contextmanager
def blind(known: Knowledge) -> Iterator[None]:
    """What the law hashes from numbers, hidden in the same way."""
    by_company = {COMPANY_HOUR: known.companies, HABIT_HOUR: known.companies & known.route_hours}

    def normal(seed: int, key: int, *numbers: Any) -> Floats:
        value = hashed_normal(seed, key, *numbers)
        return np.where(by_company[key][numbers[0]], value, 0.0) if key in by_company else value

    def uniform(seed: int, key: int, *numbers: Any) -> Floats:
        value = hashed(seed, key, *numbers)
        shown = {COMPANY_LEG: known.legs, TRAVELLER_LEG: known.legs and bool(known.travellers.any())}
        return value if shown.get(key, True) else np.ones_like(value)

    replaced: dict[str, Callable[..., Floats]] = {"hashed_normal": normal, "hashed": uniform}
    with mock.patch.multiple(choice_model, **replaced):
        yield


def follow_leader(own: Floats, first: Any, session: Any, joined: Bools) -> Floats:
    """Probabilities with twins, as ``draw_bookings`` makes them."""
    leader = np.maximum.accumulate(np.where(joined, 0, np.arange(len(joined))))
    leading = np.arange(first[-1]) - first[session] + first[leader][session]
    return np.where(joined[session], COPY * own[leading] + (1 - COPY) * own, own)


if __name__ == "__main__":
    main()
