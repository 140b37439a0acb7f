"""The table of legs: who flies between which cities, when, by which flights, at which lowest fare; all simulation long.

A *leg* is one way from a city to another, of one to three flights ("segments") of one selling carrier; it leaves at the
same local time every day that it is offered. ``cities.csv`` has rounded geography, the larger cities first;
``carriers.csv`` shares inside and outside Russia, set so that the segments come near the published counts of carrier
codes. The codes from the 37th city and the 22nd carrier on are invented.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.arrays import Bools, Floats, Ints
from common.io.tables import read_csv
from competitions.flight.simulator.hashing import hashed

HERE = Path(__file__).parent
CITIES, CARRIERS = read_csv(HERE / "cities.csv"), read_csv(HERE / "carriers.csv")
CITY_CODES, CARRIER_CODES = CITIES["code"].to_list(), CARRIERS["code"].to_list()
MOSCOW, PETERSBURG = 0, 1
FERRY = CARRIER_CODES.index("FV")  # flies more than half of SU's flights and sells none; small carriers follow it
AIRPORTS = (*CITY_CODES, "SVO", "DME", "VKO", "ZIA")  # a city's own has its code; Moscow has four, by carrier
AIRCRAFT = ("SU9", "320", "321", "73H", "738", "319", "32N", "333", "77W", "E90", "32B", "332", "AT7", "DH4", "789")
SEGMENTS = 4  # that the host's layout has room for
DAY = 1440  # minutes
CARRIER_SLOTS = 5  # carriers that may serve a pair
LEGS_MEDIAN, LEGS_SIGMA = 34.0, 0.8  # legs a day on a city pair: lognormal; assumed, wide enough for the group sizes
CAPITAL_LEGS = 60  # Moscow - St Petersburg
ABROAD_SHARE = 0.18  # of the searches; by the upper quartile of the taxes
CAPITAL_SHARE = 0.14  # of the searches, both ways and one way
SMALL_CARRIER_SHARE = 0.04  # of the slots


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
    ``city`` and ``airport`` have shape (legs, 5): start, stops, end; arrays of flights (legs, 4). -1: there is none.
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
    city: Ints
    airport: Ints
    flight: Ints
    operating: Ints
    aircraft: Ints
    minutes: Ints


def draw_pairs(count: int, seed: int) -> Pairs:
    """City pairs by falling popularity; the first is Moscow and St Petersburg, and none lies abroad at both ends."""
    popularity = 1.0 / (np.arange(len(CITIES)) + 2.0)
    popularity[MOSCOW] = 1.2
    low, high = np.triu_indices(len(CITIES), 1)
    foreign = CITIES["abroad"].to_numpy()
    # The largest of weights over exponential numbers are a draw by weight, without replacement.
    luck = popularity[low] * popularity[high] / np.random.default_rng([1, seed]).exponential(size=len(low))
    luck[foreign[low] & foreign[high]], luck[(low == MOSCOW) & (high == PETERSBURG)] = 0.0, np.inf
    keep = np.argsort(-luck)[:count]
    low, high, abroad = low[keep], high[keep], foreign[low[keep]] | foreign[high[keep]]
    weight = 1.0 / (np.arange(count) + 6.0) ** 0.85
    inside = ~abroad & (np.arange(count) > 0)
    weight[abroad] *= ABROAD_SHARE / weight[abroad].sum()
    weight[inside] *= (1.0 - ABROAD_SHARE - CAPITAL_SHARE) / weight[inside].sum()
    weight[0] = CAPITAL_SHARE
    start = np.where(foreign[low], high, low)
    return Pairs(start, low + high - start, abroad, weight.astype(np.float64))


def draw_legs(pairs: Pairs, seed: int) -> Legs:
    """All legs, both ways of every pair."""
    rng = np.random.default_rng([6, seed])
    pair, carrier = _assign_carriers(pairs, rng)
    departure = _draw_departures(2 * len(pair), rng)
    # Two legs of a carrier that leave at the same minute would be one.
    key = np.unique((np.append(2 * pair, 2 * pair + 1) * 1024 + np.tile(carrier, 2)) * DAY + departure)
    direction, carrier, departure = key // DAY // 1024, key // DAY % 1024, key % DAY
    pair, city = direction // 2, _draw_stops(pairs, direction, carrier, rng)
    origin, flown = city[:, :-1], city[:, 1:] >= 0
    segments = flown.sum(axis=1)
    minutes = np.where(flown, flight_minutes(origin, city[:, 1:]), 0)
    wait = np.where(flown, 50 + 5 * (60 * rng.random(flown.shape) ** 2).astype(int), 0)
    wait[:, 0] = 0
    leaves = departure[:, None] + np.cumsum(minutes + wait, axis=1) - minutes
    # A flight is identified by carrier, cities and departure; legs that change to one in the same two hours share it.
    slot = np.where(segments[:, None] == 1, 16 + leaves % DAY // 5, leaves % DAY // 120)
    key = ((carrier[:, None] * 512 + origin) * 512 + city[:, 1:]) * 512 + slot
    ferried = (carrier[:, None] == 0) & (hashed(seed, 42, key) < np.where(pair == 0, 0.72, 0.64)[:, None])
    # FV flies the SU9; the others mostly the next commonest types.
    other = 1 + np.minimum(-6.0 * np.log(hashed(seed, 45, key)), len(AIRCRAFT) - 2).astype(int)
    zone, home = CITIES["utc_hours"].to_numpy(), CARRIERS["moscow_airport"].to_numpy()[carrier]
    fare = (700.0 + 25.0 * minutes.sum(axis=1)) * np.where(pairs.abroad[pair], 1.9, 1.0)
    level = CARRIERS["price_level"].to_numpy()[carrier] * np.where(segments > 1, 0.86, 1.0)
    return Legs(
        first=np.searchsorted(direction, np.arange(2 * len(pairs.start) + 1)),
        crossed=_count_returns(direction, carrier, len(pairs.start)),
        direction=direction,
        carrier=carrier,
        departure=departure,
        duration=minutes.sum(axis=1) + wait.sum(axis=1),
        shift=60 * (zone[city[np.arange(len(city)), segments]] - zone[city[:, 0]]),
        segments=segments,
        price=fare * level * np.exp(0.10 * rng.standard_normal(len(fare))),
        city=city,
        airport=np.where(city == MOSCOW, len(CITIES) + home[:, None], city),
        flight=np.where(flown, 1 + (hashed(seed, 43, key) ** 1.6 * 7400).astype(int), -1),
        operating=np.where(flown, np.where(ferried, FERRY, carrier[:, None]), -1),
        aircraft=np.where(flown, np.where(ferried & (hashed(seed, 46, key) < 0.93), 0, other), -1),
        minutes=np.where(flown, minutes, -1),
    )


def _assign_carriers(pairs: Pairs, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """(pair, carrier), repeated by the number of legs that the carrier has on the pair each way."""
    count, slot = len(pairs.start), np.arange(CARRIER_SLOTS)
    weights = CARRIERS.select("weight_russia", "weight_abroad").to_numpy().T
    steps = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)[:, :FERRY]
    carrier = (rng.random((count, CARRIER_SLOTS, 1)) > steps[pairs.abroad.astype(int)][:, None]).sum(axis=2)
    carrier[rng.random(count) < 0.6, 0] = 0
    small = FERRY + 1 + (rng.random(carrier.shape) ** 2 * (len(CARRIERS) - FERRY - 1)).astype(int)
    carrier = np.where(rng.random(carrier.shape) < SMALL_CARRIER_SHARE, small, carrier)
    total = LEGS_MEDIAN * np.exp(LEGS_SIGMA * rng.standard_normal(count)) * np.where(pairs.abroad, 1.5, 1.0)
    total[0] = CAPITAL_LEGS
    active = slot < 1 + np.minimum(total / 9, 4).astype(int)[:, None]
    share = np.where(slot == 0, 0.55, 0.22) / np.maximum(slot, 1) ** 0.5
    legs = np.where(active, np.maximum(1, np.round(total[:, None] * share)), 0).astype(int)
    return np.repeat(np.arange(count), legs.sum(axis=1)), np.repeat(carrier.ravel(), legs.ravel())


def _draw_departures(count: int, rng: np.random.Generator) -> Ints:
    """Local departure minutes in fives: a morning wave, an evening wave, and the day between; few at night."""
    normal, wave, uniform = rng.standard_normal(count), rng.random(count), rng.random(count)
    waves = [8.0 + 1.6 * normal, 18.5 + 2.0 * normal, 6.0 + 17.0 * uniform]
    hour = np.select([wave < 0.33, wave < 0.62, wave < 0.95], waves, 24.0 * uniform)
    return (np.round(hour * 12).astype(np.int64) % 288) * 5


def _draw_stops(pairs: Pairs, direction: Ints, carrier: Ints, rng: np.random.Generator) -> Ints:
    """Cities called at, shape (legs, 5): start, up to two stops, end; -1 behind the end."""
    pair, flip, count = direction // 2, direction % 2 == 1, len(direction)
    start = np.where(flip, pairs.end[pair], pairs.start[pair])
    end = pairs.start[pair] + pairs.end[pair] - start
    away = (start != MOSCOW) & (end != MOSCOW)
    changing = rng.random(count) < np.select([pair == 0, pairs.abroad[pair], away], [0.01, 0.42, 0.40], 0.05)
    stops = changing * (1 + (rng.random(count) < 0.05))
    # The carrier's hub, then the largest cities, without both ends: the first of them are the stops.
    hub = np.array([CITY_CODES.index(city) for city in CARRIERS["hub"]])[carrier]
    options = np.column_stack([hub, np.tile(np.arange(4), (count, 1))])
    bad = (options == start[:, None]) | (options == end[:, None])
    bad[:, 1:] |= options[:, 1:] == options[:, :1]
    options = np.take_along_axis(options, np.argsort(bad, axis=1, kind="stable"), axis=1)
    path = np.full((count, SEGMENTS + 1), -1)
    path[:, 0] = start
    path[:, 1:3] = np.where(np.arange(2) < stops[:, None], options[:, :2], -1)
    path[np.arange(count), stops + 1] = end
    return path


def flight_minutes(start: Ints, end: Ints) -> Ints:
    """Scheduled minutes of a flight between two cities: 40 on the ground and slow, then 12.8 km a minute; in fives."""
    latitude, longitude = (np.radians(CITIES[name].to_numpy()) for name in ("latitude", "longitude"))
    middle = np.cos((latitude[start] + latitude[end]) / 2)
    km = 6371.0 * np.hypot(latitude[start] - latitude[end], (longitude[start] - longitude[end]) * middle)
    minutes: Ints = (np.round((40 + km / 12.8) / 5) * 5).astype(np.int64)
    return minutes


def _count_returns(direction: Ints, carrier: Ints, pairs: int) -> Ints:
    """By pair, the sum over its carriers of legs out times legs back."""
    key, legs = np.unique(direction[direction % 2 == 0] // 2 * 1024 + carrier[direction % 2 == 0], return_counts=True)
    return np.bincount(key // 1024, legs**2, minlength=pairs).astype(np.int64)
