"""What a search is offered: legs of the day, crossed out and back by carrier, at up to six fares each.

Arrays are flat over the options of a chunk of searches; a search's options stand together, itineraries by number of
segments then price, fares of an itinerary by price.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints, take
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import Legs
from competitions.flight.simulator.search_sessions import Searches, SimulationState

LIGHT, STANDARD, FLEX, PREMIUM, BUSINESS, BUSINESS_FLEX = range(6)
FARES = 6
FARES_SHOWN = 2.9  # of an itinerary, on average
# By fare: how often a carrier has it on a route, and how often it is not sold out on the date; assumed.
CARRIED = np.array([0.97, 0.95, 0.85, 0.80, 0.90, 0.70])
AVAILABLE = np.array([0.88, 0.97, 0.98, 0.90, 0.90, 0.90])
PREMIUM_SHARE = 0.06  # of the searches for business fares; by the mean of cabinClass
DATE_SIGMA = 0.20  # of the logarithm of a leg's price from day to day; assumed
TEST_PRICE = 0.90  # prices fall after the summer; by the quartiles of totalPrice
ROUND_TRIP_PRICE = 0.95
LOWEST_PRICE = 770.0  # Kaggle FlightRank 2025 column statistics


@dataclass(frozen=True)
class Offers:
    """One entry (search, leg): legs of one way that the searches are offered; sorted by search then carrier."""

    search: Ints
    leg: Ints
    price: Floats


@dataclass(frozen=True)
class Itineraries:
    """One entry (search, out, back), in file order; ``back`` is -1 one way; ``price`` is of the lowest fare."""

    search: Ints
    out: Ints
    back: Ints
    price: Floats


@dataclass(frozen=True)
class Options:
    """One entry an option; ``first``: where each search's options begin (one more entry)."""

    first: Ints
    search: Ints  # counted from the first of the chunk
    number: Ints  # of the search in the state
    out: Ints
    back: Ints
    fare: Ints
    price: Floats
    taxes: Floats
    itinerary: Ints  # runs over the chunk; its fares share it


def list_options(state: SimulationState, part: slice) -> Options:
    """The options of the searches ``part``."""
    searches = take(state.searches, part)
    out = _offer(state, searches, searches.pair * 2 + searches.flip, searches.out_day, None)
    order = np.lexsort((out.price, out.search))
    first = order[np.append(True, np.diff(out.search[order]) != 0)]  # the cheapest leg out of each search
    carrier = state.legs.carrier[out.leg[first]]
    back = _offer(state, searches, searches.pair * 2 + ~searches.flip, searches.back_day, carrier)
    return _add_fares(state, searches, part.start, cross(searches, out, back, state.legs))


def _offer(state: SimulationState, searches: Searches, direction: Ints, day: Ints, carrier: Ints | None) -> Offers:
    """Legs of the direction that are offered on the day: about ``target`` options' worth, at least one.

    A leg's rank in the queue is half its own and half the day's, so that the same legs tend to be offered, day by day.
    """
    legs, seed = state.legs, state.seed
    travelled = np.ones(len(direction), bool) if carrier is None else searches.round_trip
    counts = np.where(travelled, legs.first[direction + 1] - legs.first[direction], 0)
    search = np.repeat(np.arange(len(direction)), counts)
    leg = ranges(legs.first[direction], counts)
    date = day[search]
    queue = 0.5 * (hashed(seed, 111, leg) + hashed(seed, 112, leg, date))
    blocked = searches.direct_only[search] & (legs.segments[leg] > 1)
    foreign = np.zeros(len(leg), bool) if carrier is None else legs.carrier[leg] != carrier[search]
    rank = queue + 5.0 * blocked + 10.0 * foreign
    best = np.full(len(direction), np.inf)
    np.minimum.at(best, search, rank)
    limit = _triangular(_share_kept(searches, legs))[search]
    kept = ((queue < limit) & ~blocked) | (rank == best[search])
    search, leg, date = search[kept], leg[kept], date[kept]
    early = 1.0 + 0.7 * np.exp(-searches.lead_days[search] / 6.0)
    level = early * np.where(searches.test[search], TEST_PRICE, 1.0)
    return Offers(search, leg, legs.price[leg] * level * np.exp(DATE_SIGMA * hashed_normal(seed, 113, leg, date)))


def _share_kept(searches: Searches, legs: Legs) -> Floats:
    """Share of the legs of each way with which a search shows about ``target`` options."""
    itineraries = searches.target / FARES_SHOWN
    one_way = itineraries / (legs.first[2 * searches.pair + 1] - legs.first[2 * searches.pair])
    both = np.sqrt(itineraries / legs.crossed[searches.pair])
    share: Floats = np.minimum(np.where(searches.round_trip, both, one_way), 1.0)
    return share


def _triangular(share: Floats) -> Floats:
    """The value below which the mean of two uniform numbers falls with probability ``share``."""
    return np.where(share < 0.5, np.sqrt(share / 2), 1 - np.sqrt((1 - share) / 2))


def ranges(first: Ints, counts: Ints) -> Ints:
    """first[0], first[0] + 1 ... counts[0] of them, then the same from first[1], and so on.

    >>> ranges(np.array([5, 20]), np.array([3, 2])).tolist()
    [5, 6, 7, 20, 21]
    """
    ends = np.cumsum(counts)
    flat: Ints = np.arange(counts.sum()) + np.repeat(first - (ends - counts), counts)
    return flat


def cross(searches: Searches, out: Offers, back: Offers, legs: Legs) -> Itineraries:
    """Every leg out with every leg back of its carrier, or alone one way; by search, segments, price."""
    out_key = out.search * 1024 + legs.carrier[out.leg]
    back_key = back.search * 1024 + legs.carrier[back.leg]
    low, high = np.searchsorted(back_key, out_key), np.searchsorted(back_key, out_key, side="right")
    returns = searches.round_trip[out.search]
    counts = np.where(returns, high - low, 1)
    row, other = np.repeat(np.arange(len(out_key)), counts), ranges(low, counts)
    search, out_leg, price = out.search[row], out.leg[row], out.price[row]
    back_leg = np.full(len(row), -1)
    both = returns[row]
    back_leg[both] = back.leg[other[both]]
    price[both] = ROUND_TRIP_PRICE * (price[both] + back.price[other[both]])
    segments = legs.segments[out_leg] + np.where(both, legs.segments[back_leg], 0)
    order = np.lexsort((back_leg, out_leg, price, segments, search))
    return Itineraries(search[order], out_leg[order], back_leg[order], price[order])


def _add_fares(state: SimulationState, searches: Searches, start: int, trips: Itineraries) -> Options:
    """Give each itinerary its fares and taxes; all its fares bear the same taxes."""
    itinerary, fare = np.nonzero(_fares(state, searches, start, trips))
    ways = np.where(trips.back >= 0, 2.0, 1.0)
    taxes = _taxes(state, searches.pair[trips.search], trips, ways)
    price = fare_prices(trips.price, ways)[itinerary, fare] + taxes[itinerary]
    search = trips.search[itinerary]
    return Options(
        first=np.searchsorted(search, np.arange(len(searches.user) + 1)),
        search=search,
        number=start + search,
        out=trips.out[itinerary],
        back=trips.back[itinerary],
        fare=fare,
        price=np.maximum(np.round(price), LOWEST_PRICE),
        taxes=taxes[itinerary],
        itinerary=itinerary,
    )


def _fares(state: SimulationState, searches: Searches, start: int, trips: Itineraries) -> Bools:
    """Shape (itineraries, 6): the fares on sale. A carrier may lack some on a route; some are sold out on the date."""
    search, seed, kind = trips.search, state.seed, np.arange(FARES)[None]
    carrier, pair = state.legs.carrier[trips.out][:, None], searches.pair[search][:, None]
    day, business = searches.out_day[search][:, None], searches.business[search][:, None]
    carried = hashed(seed, 131, carrier, pair, kind) < CARRIED
    available = hashed(seed, 132, trips.out[:, None], trips.back[:, None] + 1, kind, day) < AVAILABLE
    premium = hashed(seed, 133, start + search)[:, None] < PREMIUM_SHARE
    shown = (kind < PREMIUM) | (business & ((kind != PREMIUM) | premium))
    sold: Bools = carried & available & shown
    sold[:, STANDARD] |= ~sold.any(axis=1)
    return sold


def fare_prices(price: Floats, ways: Floats) -> Floats:
    """Shape (itineraries, 6): roubles before taxes by fare, from those of the lowest.

    The steps are those of a published example of a return, 6,586 / 10,086 / 17,901; business fares are assumed.
    """
    standard = price + 1750.0 * ways
    flex = 1.35 * standard + 2150.0 * ways
    premium = 1.45 * flex
    business = 3.1 * price + 9000.0 * ways
    return np.stack([price, standard, flex, premium, business, 1.25 * business + 3000.0], axis=1)


def _taxes(state: SimulationState, pair: Ints, trips: Itineraries, ways: Floats) -> Floats:
    """Roubles by itinerary: by ways and segments, several times as much abroad."""
    segments = state.legs.segments[trips.out] + np.where(trips.back >= 0, state.legs.segments[trips.back], 0)
    level = hashed(state.seed, 121, pair, state.legs.carrier[trips.out]) ** 3
    abroad = np.where(state.pairs.abroad[pair], 6.0 + 30.0 * level, 1.0)
    noise = 0.70 + 0.7 * hashed(state.seed, 122, trips.out, trips.back + 1)
    taxes: Floats = np.round((330 * ways + 190 * segments) * abroad * noise)
    return taxes
