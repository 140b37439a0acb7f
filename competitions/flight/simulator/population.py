"""Everything that is drawn before options and bookings, in one place."""

from dataclasses import dataclass

from competitions.flight.simulator.geography import Cities, Sizes, make_cities
from competitions.flight.simulator.search_sessions import Searches, Sessions, plan
from competitions.flight.simulator.timetable import Legs, Pairs, make_legs, make_pairs
from competitions.flight.simulator.travellers import Companies, Travellers, make_companies, make_travellers


@dataclass(frozen=True)
class Scene:
    """The timetable, the people, and what they search; options and bookings follow from it and ``seed`` alone."""

    cities: Cities
    pairs: Pairs
    legs: Legs
    companies: Companies
    travellers: Travellers
    searches: Searches
    sessions: Sessions
    seed: int


def make_scene(sizes: Sizes, seed: int) -> Scene:
    """The scene of a size; the same arguments give the same scene."""
    cities = make_cities()
    pairs = make_pairs(cities, sizes.pairs, seed)
    companies, weight = make_companies(pairs, sizes, seed)
    travellers = make_travellers(companies, weight, sizes, seed)
    searches, sessions = plan(pairs, companies, travellers, seed)
    return Scene(cities, pairs, make_legs(cities, pairs, seed), companies, travellers, searches, sessions, seed)
