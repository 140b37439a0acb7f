"""The table of legs: who flies between which cities, when, by which flights, at which lowest fare; all simulation long.

A *leg* is one way from a city to another, direct or with one stop, of one selling carrier; it leaves at the same local
time every day that it is offered. Cities are invented but for Moscow and St Petersburg; each has one airport, and all
have one time.
"""

from itertools import islice, product
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Ints
from common.io.tables import read_csv
from competitions.flight.simulator.hashing import hashed

# A carrier's share of the slots on a pair inside Russia and abroad, and its level of prices.
CARRIERS = read_csv(Path(__file__).with_name("carriers.csv"))
CITIES = ("MOW", "LED", *map("".join, islice(product("VKSNRT", "AEIOU", "BCDGKLMN"), 158)))
ABROAD = 60  # cities from this one on are abroad
DAY = 1440  # minutes
SLOTS = (0.5, 0.23, 0.15, 0.08, 0.04)  # a pair's carriers, by their share of its legs
LEGS_MEDIAN, LEGS_SIGMA, CAPITAL_LEGS = 34.0, 0.8, 60  # legs a day on a city pair: lognormal; assumed
# Of the searches: between Moscow and St Petersburg, and abroad (by the upper quartile of the taxes).
CAPITAL_SHARE, ABROAD_SHARE = 0.15, 0.18


def draw_pairs(count: int, seed: int) -> pl.DataFrame:
    """City pairs by falling popularity: the ends (most trips start at ``start``), whether it leads abroad, its share of
    the searches (``weight``), minutes of a direct flight. The first is Moscow and St Petersburg.
    """
    popularity = 1.0 / (np.arange(len(CITIES)) + 2.0)
    popularity[0] = 1.2
    start, end = np.triu_indices(len(CITIES), 1)
    # The largest of weights over exponential numbers are a draw by weight, without replacement.
    luck = popularity[start] * popularity[end] / np.random.default_rng([1, seed]).exponential(size=len(start))
    luck[start >= ABROAD], luck[0] = 0.0, np.inf
    keep = np.argsort(-luck, kind="stable")[:count]
    start, end, abroad = start[keep], end[keep], end[keep] >= ABROAD
    weight = 1.0 / (np.arange(count) + 6.0) ** 0.85
    inside = ~abroad & (np.arange(count) > 0)
    weight[abroad] *= ABROAD_SHARE / weight[abroad].sum()
    weight[inside] *= (1.0 - ABROAD_SHARE - CAPITAL_SHARE) / weight[inside].sum()
    weight[0] = CAPITAL_SHARE
    far = hashed(seed, 41, start, end)
    minutes = 5 * np.round(np.where(abroad, 40 + 90 * far, 20 + 36 * far)).astype(np.int64)
    minutes[0] = 85
    return pl.DataFrame({"start": start, "end": end, "abroad": abroad, "weight": weight, "minutes": minutes})


def draw_legs(pairs: pl.DataFrame, seed: int) -> pl.DataFrame:
    """All legs, both ways of every pair, in the order of ``leg``.

    ``direction``: pair * 2, or pair * 2 + 1 the other way. ``carrier``: its row of ``CARRIERS``. ``departure``: a local
    minute of the day; ``first`` and ``second``: minutes of its flights, 0 of what there is not; ``duration``: their sum
    with the wait between them. ``lowest``: roubles of the lowest fare, before date and lead.
    """
    rng = np.random.default_rng([6, seed])
    pair, carrier = _assign_carriers(pairs, rng)
    columns = {"direction": np.append(2 * pair, 2 * pair + 1), "carrier": np.tile(carrier, 2)}
    legs = pl.DataFrame(columns | {"departure": _draw_departures(2 * len(pair), rng)}).unique()
    legs = legs.sort("direction", "carrier", "departure").with_row_index("leg").cast({"leg": pl.Int64})
    direction, carrier = legs["direction"].to_numpy(), legs["carrier"].to_numpy()
    start, end, abroad, minutes = (pairs[name].to_numpy()[direction // 2] for name in pairs.columns if name != "weight")
    stops = rng.random(len(legs)) < np.select([direction < 2, abroad, start > 0], [0.01, 0.38, 0.36], 0.05)
    share = np.where(stops, 0.3 + 0.4 * rng.random(len(legs)), 1.0)
    total = np.where(stops, 1.15 * minutes + 40, minutes)
    first = 5 * np.round(total * share / 5).astype(np.int64)
    second = np.where(stops, 5 * np.round(total / 5).astype(np.int64) - first, 0)
    wait = np.where(stops, 50 + 5 * (60 * rng.random(len(legs)) ** 2).astype(np.int64), 0)
    level = CARRIERS["level"].to_numpy()[carrier] * np.where(stops, 0.86, 1.0) * np.where(abroad, 1.9, 1.0)
    number = 1 + (hashed(seed, 43, legs["leg"].to_numpy()[:, None], np.arange(2)) ** 1.6 * 7400).astype(np.int64)
    return legs.with_columns(
        origin=np.where(direction % 2 == 0, start, end),
        stop=np.where(start > 0, 0, 1 + (end < 2)),  # Moscow; from there the next largest city
        destination=np.where(direction % 2 == 0, end, start),
        segments=1 + stops.astype(np.int64),
        first=first,
        second=second,
        duration=first + wait + second,
        lowest=(900.0 + 29.0 * (first + second)) * level * np.exp(0.1 * rng.standard_normal(len(legs))),
        flight0=number[:, 0],
        flight1=number[:, 1],
    )


def _assign_carriers(pairs: pl.DataFrame, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """(pair, carrier), repeated by the number of legs that the carrier has on the pair each way."""
    count, abroad = len(pairs), pairs["abroad"].to_numpy()
    weights = CARRIERS.select("inside", "abroad").to_numpy().T
    steps = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)[:, :-1]
    carrier = (rng.random((count, len(SLOTS), 1)) > steps[abroad.astype(int)][:, None]).sum(axis=2)
    carrier[rng.random(count) < 0.45, 0] = 0
    total = LEGS_MEDIAN * np.exp(LEGS_SIGMA * rng.standard_normal(count)) * np.where(abroad, 1.5, 1.0)
    total[0] = CAPITAL_LEGS
    pair = np.repeat(np.arange(count), np.ceil(total).astype(np.int64))
    slot = np.searchsorted(np.cumsum(SLOTS), rng.random(len(pair)))
    return pair, carrier[pair, slot]


def _draw_departures(count: int, rng: np.random.Generator) -> Ints:
    """Local departure minutes in fives: a morning wave, an evening wave, and the day between; few at night."""
    normal, wave, uniform = rng.standard_normal(count), rng.random(count), rng.random(count)
    waves = [8.0 + 1.6 * normal, 18.5 + 2.0 * normal, 6.0 + 17.0 * uniform]
    hour = np.select([wave < 0.33, wave < 0.62, wave < 0.95], waves, 24.0 * uniform)
    return (np.round(hour * 12).astype(np.int64) % 288) * 5
