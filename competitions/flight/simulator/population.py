"""Everything that is drawn before options and bookings, in one place."""

from dataclasses import dataclass

import pyarrow as pa

from competitions.flight.simulator.host_layout import make_vocabularies
from competitions.flight.simulator.legs import Legs, Pairs, draw_legs, draw_pairs
from competitions.flight.simulator.search_sessions import Searches, Sessions, draw_sessions
from competitions.flight.simulator.travellers import Companies, Sizes, Travellers, make_companies, make_travellers


@dataclass(frozen=True)
class SimulationState:
    """The legs, the travellers, and what they search; options and bookings follow from it alone."""

    pairs: Pairs
    legs: Legs
    companies: Companies
    travellers: Travellers
    searches: Searches
    sessions: Sessions
    vocabularies: dict[str, pa.Array]
    seed: int


def draw_state(sizes: Sizes, seed: int) -> SimulationState:
    """The state at some sizes; the same arguments give the same state."""
    pairs = draw_pairs(sizes.pairs, seed)
    companies, weight = make_companies(pairs, sizes, seed)
    travellers = make_travellers(companies, weight, sizes, seed)
    searches, sessions = draw_sessions(pairs, companies, travellers, seed)
    return SimulationState(
        pairs=pairs,
        legs=draw_legs(pairs, seed),
        companies=companies,
        travellers=travellers,
        searches=searches,
        sessions=sessions,
        vocabularies=make_vocabularies(pairs),
        seed=seed,
    )
