"""Simulated readers: their tastes and devices, the articles they click, and the best guess at their next click."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.pipeline.progress import track
from competitions.news.simulator.articles import (
    HOUR_MS,
    REPEAT_FACTOR,
    START_MS,
    Floats,
    Ints,
    Law,
    Moment,
    World,
    category_mass,
    freshness,
    make_law,
    top_columns,
)
from competitions.news.simulator.sessions import Visits

TASTES = 5  # favourite categories of a user
TASTE_DECAY = 0.6  # weight of each against the one before it
RANKED = 5
BLOCK_CELLS = 4_000_000  # (query, article) pairs scored at once
SAME_REFERRER = 0.6  # a session comes from the user's usual referrer, else from any
# Shares in the first hour of the public Globo log: (device group, os, environment), (country, region), referrer.
DEVICES = {
    (1, 17, 4): 0.351, (3, 2, 4): 0.342, (3, 20, 4): 0.167, (4, 20, 4): 0.051, (1, 12, 4): 0.028, (3, 20, 2): 0.022,
    (4, 2, 2): 0.012, (4, 2, 4): 0.009, (3, 19, 4): 0.008, (1, 13, 4): 0.005, (4, 20, 2): 0.002, (3, 2, 1): 0.003,
}  # fmt: skip
PLACES = {
    (1, 25): 0.272, (1, 21): 0.172, (1, 13): 0.068, (1, 16): 0.060, (1, 8): 0.051, (1, 20): 0.049, (1, 24): 0.044,
    (1, 5): 0.035, (1, 6): 0.032, (1, 11): 0.021, (10, 28): 0.020, (1, 9): 0.019, (1, 7): 0.019, (11, 28): 0.018,
    (1, 12): 0.017, (1, 17): 0.016, (8, 28): 0.015, (1, 4): 0.011, (1, 26): 0.010, (1, 19): 0.009, (1, 10): 0.009,
    (1, 15): 0.008, (1, 27): 0.006, (1, 14): 0.005, (1, 22): 0.004, (7, 28): 0.004, (1, 1): 0.003, (2, 28): 0.002,
    (4, 28): 0.002, (1, 18): 0.002, (1, 2): 0.001,
}  # fmt: skip
REFERRERS = {1: 0.502, 2: 0.426, 5: 0.030, 7: 0.022, 6: 0.012, 4: 0.008}


@dataclass(frozen=True)
class Readers:
    """One row a user: favourite categories, all different, and their weights, both (n, k); weights add up to 1."""

    tastes: Ints
    taste_weights: Floats


@dataclass(frozen=True)
class Queries:
    """The clicks to guess, one a row: the moment, and the articles clicked before (live articles, padded with -1)."""

    moment: Moment
    seen: Ints  # (n, longest history)


@dataclass(frozen=True)
class Ranking:
    """Best guesses first, (n, RANKED): live articles (-1 where there are fewer) and their true probabilities."""

    items: Ints
    chances: Floats


def make_readers(world: World, users: int, seed: int) -> Readers:
    """Draw each user's favourite categories, popular ones more often."""
    rng = np.random.default_rng([6, seed])
    size = np.bincount(world.category, weights=world.popularity)
    kept = min(TASTES, int(np.count_nonzero(size)))
    # The k smallest of exponentials with these rates are k draws without replacement (Efraimidis and Spirakis, 2006).
    tastes = np.empty((users, kept), np.int64)
    for rows in _blocks(users, len(size)):
        with np.errstate(divide="ignore"):
            key = rng.standard_exponential((rows.stop - rows.start, len(size))) / size
        tastes[rows] = top_columns(-key, kept)[0]
    weights = TASTE_DECAY ** np.arange(kept)
    return Readers(tastes, np.tile(weights / weights.sum(), (users, 1)))


def draw_items(world: World, readers: Readers, visits: Visits, seed: int) -> Ints:
    """The live article of every click, drawn from P; round k draws the k-th click of all users that have one."""
    rng = np.random.default_rng([7, seed])
    order = np.argsort(-visits.counts, kind="stable")  # so that each round is about a prefix of the users
    first = (np.cumsum(visits.counts) - visits.counts)[order]
    hour = (visits.time - START_MS) // HOUR_MS
    items = np.full(len(hour), -1, np.int64)
    history = np.empty((int(visits.counts.max()), len(order)), np.int32)
    for k in track(range(len(history)), "Simulating clicks"):
        active = int(np.searchsorted(-visits.counts[order], -k))
        click, user = first[:active] + k, order[:active]
        previous = np.where(visits.opens[click], -1, history[k - 1, :active])
        moment = Moment(hour[click], previous, readers.tastes[user], readers.taste_weights[user])
        items[click] = history[k, :active] = draw_unseen(world, moment, history[:k, :active], rng)
    return items


def draw_unseen(world: World, moment: Moment, seen: NDArray[np.int32], rng: np.random.Generator) -> Ints:
    """Draw, and draw again where the article was seen, but for a share REPEAT_FACTOR: exactly the factor r in P."""
    law = make_law(world, moment)
    masses = _mass_of_parts(world, moment, law)
    chosen = np.full(len(moment.hour), -1, np.int64)
    waiting = np.arange(len(chosen))
    while len(waiting):
        item = _draw(world, moment, masses, waiting, rng)
        again = (seen[:, waiting] == item).any(axis=0) & (rng.random(len(item)) >= REPEAT_FACTOR)
        chosen[waiting[~again]] = item[~again]
        waiting = waiting[again]
    return chosen


def _mass_of_parts(world: World, moment: Moment, law: Law) -> Floats:
    """Cumulated chances of each neighbour, then of each taste, then of the hour's whole list."""
    start, end = world.bounds[moment.hour, 0], world.bounds[moment.hour, -1]
    whole = law.hot * (world.cumulative[end] - world.cumulative[start])
    parts = np.hstack([law.link, law.taste * category_mass(world, moment), whole[:, None]])
    return np.asarray(np.cumsum(parts, axis=1), dtype=np.float64)


def _draw(world: World, moment: Moment, masses: Floats, rows: Ints, rng: np.random.Generator) -> Ints:
    """One article for each of ``rows``: a part by its mass, then an article inside the part by g."""
    mass = masses[rows]
    level = rng.random(len(rows)) * mass[:, -1]
    part = np.minimum(np.sum(mass <= level[:, None], axis=1), mass.shape[1] - 1)
    links, hour = world.neighbours.shape[1], moment.hour[rows]
    taste = moment.tastes[rows, np.clip(part - links, 0, moment.tastes.shape[1] - 1)]
    whole = part == mass.shape[1] - 1
    start = np.where(whole, world.bounds[hour, 0], world.bounds[hour, taste])
    end = np.where(whole, world.bounds[hour, -1], world.bounds[hour, taste + 1])
    low, high = world.cumulative[start], world.cumulative[end]
    place = np.searchsorted(world.cumulative, low + rng.random(len(rows)) * (high - low), side="right") - 1
    listed = world.rows[np.clip(place, start, np.maximum(end - 1, start))]
    linked = world.neighbours[moment.previous[rows], np.minimum(part, links - 1)]
    return np.asarray(np.where(part < links, linked, listed), dtype=np.int64)


def make_queries(readers: Readers, visits: Visits, items: Ints) -> Queries:
    """Hide the last click of every test user."""
    counts = visits.counts[visits.train_users :]
    last = (np.cumsum(visits.counts) - 1)[visits.train_users :]
    test = slice(visits.train_users, None)
    steps = np.arange(1, int(counts.max()))
    seen = np.where(steps < counts[:, None], items[np.maximum(last[:, None] - steps, 0)], -1)
    hour = (visits.time[last] - START_MS) // HOUR_MS
    return Queries(Moment(hour, seen[:, 0], readers.tastes[test], readers.taste_weights[test]), seen)


def rank_best(world: World, queries: Queries) -> Ranking:
    """The RANKED most likely next clicks of each query: P over every article of the hour, no short cut.

    Equal chances are ranked by article.
    """
    items = np.full((len(queries.seen), RANKED), -1, np.int64)
    chances = np.zeros((len(queries.seen), RANKED))
    for hour in track(np.unique(queries.moment.hour).tolist(), "Asking the oracle"):
        members = world.rows[world.bounds[hour, 0] : world.bounds[hour, -1]]
        asked = np.flatnonzero(queries.moment.hour == hour)
        top = min(RANKED, len(members))
        for block in _blocks(len(asked), len(members)):
            rows = asked[block]
            chance = score_hour(world, take(queries, rows), members)
            best, chances[rows, :top] = top_columns(chance, top)
            items[rows, :top] = members[best]
    return Ranking(items, chances)


def score_hour(world: World, queries: Queries, members: Ints) -> Floats:
    """P of every article of ``members``, all those live in the queries' one hour; rows add up to 1."""
    moment = queries.moment
    law = make_law(world, moment)
    row = np.arange(len(moment.hour))[:, None]
    liking = np.zeros((len(row), world.bounds.shape[1] - 1))
    liking[row, moment.tastes] = law.taste
    age = moment.hour[0] - world.born[members]
    pull = world.popularity[members] * freshness(age, world.evergreen[members])
    chance = (law.hot[:, None] + liking[:, world.category[members]]) * pull
    near = world.neighbours[moment.previous]
    np.add.at(chance, (row, _locate(members, near)), law.link)  # a neighbour that is not live has chance 0
    old = np.isin(queries.seen, members)
    chance[np.nonzero(old)[0], _locate(members, queries.seen[old])] *= REPEAT_FACTOR
    return np.asarray(chance / chance.sum(axis=1, keepdims=True), dtype=np.float64)


def take(queries: Queries, rows: Ints) -> Queries:
    """Some of the queries."""
    moment = queries.moment
    hour, previous = moment.hour[rows], moment.previous[rows]
    return Queries(Moment(hour, previous, moment.tastes[rows], moment.taste_weights[rows]), queries.seen[rows])


def draw_devices(visits: Visits, seed: int) -> pl.DataFrame:
    """One row a click: a user keeps device and place; a session keeps its referrer."""
    rng = np.random.default_rng([8, seed])
    users, sessions = len(visits.counts), int(visits.session[-1]) + 1
    device = _draw_from(rng, DEVICES, users)[visits.user]
    place = _draw_from(rng, PLACES, users)[visits.user]
    usual = _draw_from(rng, REFERRERS, users)[visits.user[visits.opens]]
    referrer = np.where(rng.random(sessions) < SAME_REFERRER, usual[:, 0], _draw_from(rng, REFERRERS, sessions)[:, 0])
    return pl.DataFrame(
        {
            "click_environment": device[:, 2],
            "click_deviceGroup": device[:, 0],
            "click_os": device[:, 1],
            "click_country": place[:, 0],
            "click_region": place[:, 1],
            "click_referrer_type": referrer[visits.session],
        }
    )


def _locate(members: Ints, items: Ints) -> Ints:
    return np.minimum(np.searchsorted(members, items), len(members) - 1)


def _draw_from(rng: np.random.Generator, shares: Mapping[Any, float], n: int) -> Ints:
    weights = np.array(list(shares.values()))
    values = np.array(list(shares)).reshape(len(shares), -1)
    return np.asarray(values[rng.choice(len(values), n, p=weights / weights.sum())], dtype=np.int64)


def _blocks(rows: int, width: int) -> Iterator[slice]:
    height = max(1, BLOCK_CELLS // width)
    return (slice(first, min(first + height, rows)) for first in range(0, rows, height))
