"""The timetable: which carriers fly between which cities, when, by which flights. Fixed for the whole simulation.

A *leg* is one way from a city to another, of one to four flights ("segments") of one selling carrier; it leaves at the
same local time every day that it is offered.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints
from competitions.flight.simulator.geography import (
    AIRCRAFT_COUNT,
    CARRIERS,
    CITIES,
    FERRY,
    MOSCOW,
    PETERSBURG,
    Cities,
    flight_minutes,
    hashed,
    hashed_normal,
)

SEGMENTS = 4
DAY = 1440  # minutes
CARRIER_SLOTS = 5  # carriers that may serve a pair
LEGS_MEDIAN, LEGS_SIGMA = 34.0, 0.8  # legs a day on a city pair: lognormal; assumed, wide enough for the group sizes
CAPITAL_LEGS = 60  # Moscow - St Petersburg
ABROAD_SHARE = 0.18  # of the searches; by the upper quartile of the taxes
CAPITAL_SHARE = 0.14  # of the searches, both ways and one way
SMALL_CARRIER_SHARE = 0.04  # of the slots, given to a carrier outside the table
LAST_RESORTS = 6  # cities, the largest, where people change if not at the carrier's hub


@dataclass(frozen=True)
class Pairs:
    """One entry a pair of cities: ``start`` is the end where most trips begin; ``weight`` its share of searches."""

    start: Ints
    end: Ints
    abroad: Bools
    weight: Floats


@dataclass(frozen=True)
class Legs:
    """One entry a leg, sorted by direction (pair * 2, or pair * 2 + 1 the other way) then carrier.

    ``departure`` is a local minute of the day, ``duration`` minutes, ``shift`` the minutes by which local time changes.
    Segment arrays have shape (legs, 4), -1 where there is no segment.
    """

    first: Ints  # by direction: where its legs begin; one more entry than directions
    crossed: Ints  # by pair: returns that one carrier flies both ways
    direction: Ints
    carrier: Ints
    departure: Ints
    duration: Ints
    shift: Ints
    segments: Ints
    price: Floats  # roubles of the lowest fare, before date and lead
    flight: Ints
    marketing: Ints
    operating: Ints
    aircraft: Ints
    origin: Ints
    destination: Ints
    city: Ints  # of arrival
    minutes: Ints


def make_pairs(cities: Cities, count: int, seed: int) -> Pairs:
    """City pairs by falling popularity; the first is Moscow and St Petersburg."""
    rng = np.random.default_rng([1, seed])
    draws = 40 * count
    popularity = 1.0 / (np.arange(len(cities.names)) + 2.0)
    popularity[MOSCOW] = 1.2
    start = rng.choice(len(popularity), draws, p=popularity / popularity.sum())
    end = rng.choice(len(popularity), draws, p=popularity / popularity.sum())
    start[0], end[0] = MOSCOW, PETERSBURG
    low, high = np.minimum(start, end), np.maximum(start, end)
    usable = (low != high) & ~(cities.abroad[low] & cities.abroad[high])
    key = (low * len(popularity) + high)[usable]
    _, index = np.unique(key, return_index=True)
    keep = key[np.sort(index)][:count]
    start, end = keep // len(popularity), keep % len(popularity)
    home = np.where(cities.abroad[start], end, start)
    away = start + end - home
    weight = 1.0 / (np.arange(len(keep)) + 6.0) ** 0.85
    abroad = cities.abroad[away]
    weight[abroad] *= ABROAD_SHARE / weight[abroad].sum()
    inside = ~abroad & (np.arange(len(keep)) > 0)
    weight[inside] *= (1.0 - ABROAD_SHARE - CAPITAL_SHARE) / weight[inside].sum()
    weight[0] = CAPITAL_SHARE
    return Pairs(home, away, abroad, weight.astype(np.float64))


def make_legs(cities: Cities, pairs: Pairs, seed: int) -> Legs:
    """All legs of the timetable, both ways of every pair."""
    pair, carrier = _assign_carriers(pairs, seed)
    direction = np.concatenate([2 * pair, 2 * pair + 1])
    carrier = np.concatenate([carrier, carrier])
    departure = _departures(direction, np.arange(len(direction)), seed)
    # Two legs of a carrier that leave at the same minute would be one.
    _, order = np.unique((direction * 1024 + carrier) * DAY + departure, return_index=True)
    direction, carrier, departure = direction[order], carrier[order], departure[order]
    flip = direction % 2 == 1
    start = np.where(flip, pairs.end[direction // 2], pairs.start[direction // 2])
    end = np.where(flip, pairs.start[direction // 2], pairs.end[direction // 2])
    stops = _stops(cities, pairs, direction, carrier, start, end, seed)
    return _assemble(cities, pairs, direction, carrier, departure, stops, seed)


def _assign_carriers(pairs: Pairs, seed: int) -> tuple[Ints, Ints]:
    """(pair, carrier), repeated by the number of legs that the carrier has on the pair each way."""
    count = len(pairs.start)
    pair = np.repeat(np.arange(count), CARRIER_SLOTS)
    slot = np.tile(np.arange(CARRIER_SLOTS), count)
    weights = np.stack([CARRIERS["weight_russia"], CARRIERS["weight_abroad"]])
    steps = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    uniform = hashed(seed, 11, pair, slot)
    carrier = (uniform[:, None] > steps[pairs.abroad[pair].astype(int)]).sum(axis=1)
    carrier = np.where((slot == 0) & (hashed(seed, 12, pair) < 0.6), 0, carrier)
    small = hashed(seed, 13, pair, slot) < SMALL_CARRIER_SHARE
    carrier = np.where(small, FERRY + 1 + (hashed(seed, 14, pair, slot) ** 2 * 130).astype(int), carrier)
    total = LEGS_MEDIAN * np.exp(LEGS_SIGMA * hashed_normal(seed, 15, pair)) * np.where(pairs.abroad[pair], 1.5, 1.0)
    total = np.where(pair == 0, CAPITAL_LEGS, total)
    active = (slot < 1 + np.minimum(total / 9, 4).astype(int)) | (pair == 0)
    share = np.where(slot == 0, 0.55, 0.22) / np.maximum(slot, 1) ** 0.5
    legs = np.where(active, np.maximum(1, np.round(total * share)), 0).astype(int)
    return np.repeat(pair, legs), np.repeat(carrier, legs)


def _departures(direction: Ints, number: Ints, seed: int) -> Ints:
    """Local departure minutes in fives: a morning wave, an evening wave, and the day between; few at night."""
    normal, wave = hashed_normal(seed, 21, number), hashed(seed, 22, number)
    hour = np.select(
        [wave < 0.33, wave < 0.62, wave < 0.95],
        [8.0 + 1.6 * normal, 18.5 + 2.0 * normal, 6.0 + 17.0 * hashed(seed, 23, number)],
        24.0 * hashed(seed, 23, number),
    )
    return (np.round(hour * 12).astype(np.int64) % 288) * 5


def _stops(cities: Cities, pairs: Pairs, direction: Ints, carrier: Ints, start: Ints, end: Ints, seed: int) -> Ints:
    """Cities called at, shape (legs, 5): start, up to three stops, end; -1 behind the end."""
    number = np.arange(len(carrier))
    pair = direction // 2
    away = (start != MOSCOW) & (end != MOSCOW)
    share = np.select([pair == 0, pairs.abroad[pair], away], [0.01, 0.42, 0.40], 0.05)
    extra = (hashed(seed, 31, number) < share).astype(np.int64)
    extra += extra * (hashed(seed, 32, number) < 0.05)
    extra += (extra == 2) * (hashed(seed, 33, number) < 0.003)
    names = CITIES["code"].to_list()
    hub = np.array([names.index(city) for city in CARRIERS["hub"]])[np.minimum(carrier, FERRY)]
    # The hub, then the last resorts, without both ends: the first of them are the stops.
    options = np.column_stack([hub, np.tile(np.arange(LAST_RESORTS), (len(hub), 1))])
    bad = (options == start[:, None]) | (options == end[:, None])
    bad[:, 1:] |= options[:, 1:] == options[:, :1]
    stops = np.take_along_axis(options, np.argsort(bad, axis=1, kind="stable")[:, : SEGMENTS - 1], axis=1)
    stops[np.arange(SEGMENTS - 1) >= extra[:, None]] = -1
    path = np.column_stack([start, stops, np.full(len(hub), -1)])
    path[number, extra + 1] = end
    return path


def _assemble(
    cities: Cities, pairs: Pairs, direction: Ints, carrier: Ints, departure: Ints, path: Ints, seed: int
) -> Legs:
    number = np.arange(len(carrier))
    origin, destination = path[:, :-1], path[:, 1:]
    flown = destination >= 0
    minutes = np.where(flown, flight_minutes(cities, origin, destination), 0)
    spread = hashed(seed, 41, number[:, None], np.arange(SEGMENTS)[None]) ** 2
    wait = np.where(flown, 50 + 5 * (spread * 60).astype(int), 0)
    wait[:, 0] = 0
    segments = flown.sum(axis=1)
    duration = minutes.sum(axis=1) + wait.sum(axis=1)
    leaves = departure[:, None] + np.cumsum(minutes + wait, axis=1) - minutes
    # A flight is identified by carrier, cities and departure; legs that change to one in the same two hours share it.
    slot = np.where(segments[:, None] == 1, 16 + leaves % DAY // 5, leaves % DAY // 120)
    key = ((carrier[:, None] * 512 + origin) * 512 + destination) * 512 + slot
    marketing = np.where(flown, carrier[:, None], -1)
    ferried = (marketing == 0) & (hashed(seed, 42, key) < np.where(direction // 2 == 0, 0.72, 0.64)[:, None])
    end = path[number, segments]
    shift = 60 * (cities.zone_hours[end] - cities.zone_hours[path[:, 0]])
    # FV flies the SU9; the others mostly the next commonest types.
    other = 1 + np.minimum(-6.0 * np.log(hashed(seed, 45, key)), AIRCRAFT_COUNT - 2).astype(int)
    aircraft = np.where(ferried & (hashed(seed, 46, key) < 0.93), 0, other)
    bounds = np.searchsorted(direction, np.arange(2 * len(pairs.start) + 1))
    return Legs(
        first=bounds,
        crossed=_count_returns(direction, carrier, len(pairs.start)),
        direction=direction,
        carrier=carrier,
        departure=departure,
        duration=duration,
        shift=shift,
        segments=segments,
        price=_prices(pairs, direction, carrier, minutes.sum(axis=1), segments, seed),
        flight=np.where(flown, 1 + (hashed(seed, 43, key) ** 1.6 * 7400).astype(int), -1),
        marketing=marketing,
        operating=np.where(ferried, FERRY, marketing),
        aircraft=np.where(flown, aircraft, -1),
        origin=_airports(cities, origin, carrier, flown),
        destination=_airports(cities, destination, carrier, flown),
        city=np.where(flown, destination, -1),
        minutes=np.where(flown, minutes, -1),
    )


def _count_returns(direction: Ints, carrier: Ints, pairs: int) -> Ints:
    """By pair, the sum over its carriers of legs out times legs back."""
    key, legs = np.unique(direction[direction % 2 == 0] // 2 * 1024 + carrier[direction % 2 == 0], return_counts=True)
    return np.bincount(key // 1024, legs**2, minlength=pairs).astype(np.int64)


def _prices(pairs: Pairs, direction: Ints, carrier: Ints, minutes: Ints, segments: Ints, seed: int) -> Floats:
    """Roubles one way at the lowest fare: by minutes, land, carrier and stops."""
    level = CARRIERS["price_level"].to_numpy()[np.minimum(carrier, FERRY)]
    base = (700.0 + 25.0 * minutes) * np.where(pairs.abroad[direction // 2], 1.9, 1.0)
    number = np.arange(len(carrier))
    price: Floats = base * level * np.where(segments > 1, 0.86, 1.0) * np.exp(0.10 * hashed_normal(seed, 44, number))
    return price


def _airports(cities: Cities, city: Ints, carrier: Ints, flown: Bools) -> Ints:
    """Airport code by city and carrier: a carrier keeps to one airport of a city that has several."""
    home = CARRIERS["moscow_airport"].to_numpy()[np.minimum(carrier, FERRY)][:, None]
    known = np.maximum(city, 0)
    return np.where(flown, cities.airport[known] + home % cities.airport_count[known], -1)
