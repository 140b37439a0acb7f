"""Simulated users: their tastes and devices, the articles they click, and the best ranking of their next click."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats, Ints, take
from common.engine.progress import track
from common.io.tables import read_csv
from common.simulation.sampling import draw_between, draw_columns
from common.time_units import HOUR_MS
from competitions.news.simulator import articles
from competitions.news.simulator.articles import ClickContext, LiveCatalogue
from competitions.news.simulator.sessions import Sessions

TASTES = 5  # favourite categories of a user
RANKED = 5
BLOCK_CELLS = 4_000_000  # (query, article) pairs scored at once
SAME_REFERRER = 0.6  # a session comes from the user's usual referrer, else from any
# Codes, and their shares in the first hour of the public Globo log.
DEVICES, LOCATIONS, REFERRERS = (
    read_csv(Path(__file__).with_name(f"{table}.csv")) for table in ("devices", "locations", "referrers")
)


@dataclass(frozen=True)
class Queries(ClickContext):
    """The clicks to guess, one a row: the context, and the articles clicked before (live articles, padded with -1)."""

    seen: Ints  # (n, longest history)


@dataclass(frozen=True)
class Ranking:
    """Best guesses first, (n, RANKED): live articles (-1 where there are fewer) and their true probabilities."""

    items: Ints
    chances: Floats


def draw_tastes(live: LiveCatalogue, count: int, seed: int) -> Ints:
    """Each user's favourite categories (users, k), all different, popular ones more often."""
    rng = np.random.default_rng([6, seed])
    size = np.bincount(live.category, weights=live.popularity)
    kept = min(TASTES, int(np.count_nonzero(size)))
    # The k smallest of exponentials with these rates are k draws without replacement (Efraimidis and Spirakis, 2006).
    tastes = np.empty((count, kept), np.int64)
    for rows in _blocks(count, len(size)):
        with np.errstate(divide="ignore"):
            key = rng.standard_exponential((rows.stop - rows.start, len(size))) / size
        tastes[rows] = articles.top_columns(-key, kept)[0]
    return tastes


def draw_items(live: LiveCatalogue, tastes: Ints, sessions: Sessions, seed: int) -> Ints:
    """The live article of every click, drawn from P; round k draws the k-th click of all users that have one."""
    rng = np.random.default_rng([7, seed])
    order = np.argsort(-sessions.counts, kind="stable")  # so that each round is about a prefix of the users
    first = (np.cumsum(sessions.counts) - sessions.counts)[order]
    hour = (sessions.time - articles.START_MS) // HOUR_MS
    items = np.full(len(hour), -1, np.int64)
    history = np.empty((int(sessions.counts.max()), len(order)), np.int32)
    for k in track(range(len(history)), "Simulating clicks"):
        active = int(np.searchsorted(-sessions.counts[order], -k))
        click, user = first[:active] + k, order[:active]
        previous = np.where(sessions.opens[click], -1, history[k - 1, :active])
        context = ClickContext(hour[click], previous, tastes[user])
        items[click] = history[k, :active] = draw_unseen(live, context, history[:k, :active], rng)
    return items


def draw_unseen(live: LiveCatalogue, context: ClickContext, seen: NDArray[np.int32], rng: np.random.Generator) -> Ints:
    """Draw, and draw again where the article was seen, but for a share REPEAT_FACTOR: exactly the factor r in P."""
    distribution = articles.click_distribution(live, context)
    start, end = live.bounds[context.hour, 0], live.bounds[context.hour, -1]
    whole = distribution.hot * (live.cumulative[end] - live.cumulative[start])
    parts = np.hstack([distribution.link, distribution.taste * articles.category_mass(live, context), whole[:, None]])
    masses = np.cumsum(parts, axis=1)  # of each neighbour, then of each taste, then of the hour's whole list
    chosen = np.full(len(context.hour), -1, np.int64)
    waiting = np.arange(len(chosen))
    while len(waiting):
        item = _draw(live, context, masses, waiting, rng)
        again = (seen[:, waiting] == item).any(axis=0) & (rng.random(len(item)) >= articles.REPEAT_FACTOR)
        chosen[waiting[~again]] = item[~again]
        waiting = waiting[again]
    return chosen


def _draw(live: LiveCatalogue, context: ClickContext, masses: Floats, rows: Ints, rng: np.random.Generator) -> Ints:
    """One article for each of ``rows``: a part by its mass, then an article inside the part by g."""
    mass = masses[rows]
    part = draw_columns(mass, rng.random(len(rows)))
    links, hour = live.neighbours.shape[1], context.hour[rows]
    taste = context.tastes[rows, np.clip(part - links, 0, context.tastes.shape[1] - 1)]
    whole = part == mass.shape[1] - 1
    start = np.where(whole, live.bounds[hour, 0], live.bounds[hour, taste])
    end = np.where(whole, live.bounds[hour, -1], live.bounds[hour, taste + 1])
    listed = live.rows[draw_between(live.cumulative, start, end, rng.random(len(rows)))]
    linked = live.neighbours[context.previous[rows], np.minimum(part, links - 1)]
    return np.asarray(np.where(part < links, linked, listed), dtype=np.int64)


def make_queries(tastes: Ints, sessions: Sessions, items: Ints) -> Queries:
    """Hide the last click of every test user."""
    counts = sessions.counts[sessions.train_users :]
    last = (np.cumsum(sessions.counts) - 1)[sessions.train_users :]
    steps = np.arange(1, int(counts.max()))
    seen = np.where(steps < counts[:, None], items[np.maximum(last[:, None] - steps, 0)], -1)
    hour = (sessions.time[last] - articles.START_MS) // HOUR_MS
    return Queries(hour, seen[:, 0], tastes[sessions.train_users :], seen)


def rank_best(live: LiveCatalogue, queries: Queries) -> Ranking:
    """The RANKED most likely next clicks of each query: P over every article of the hour, no short cut.

    Equal chances are ranked by article.
    """
    items = np.full((len(queries.seen), RANKED), -1, np.int64)
    chances = np.zeros((len(queries.seen), RANKED))
    for hour in track(np.unique(queries.hour).tolist(), "Asking the oracle"):
        members = live.rows[live.bounds[hour, 0] : live.bounds[hour, -1]]
        same_hour = np.flatnonzero(queries.hour == hour)
        top = min(RANKED, len(members))
        for block in _blocks(len(same_hour), len(members)):
            rows = same_hour[block]
            chance = score_hour(live, take(queries, rows), members)
            best, chances[rows, :top] = articles.top_columns(chance, top)
            items[rows, :top] = members[best]
    return Ranking(items, chances)


def score_hour(live: LiveCatalogue, queries: Queries, members: Ints) -> Floats:
    """P of every article of ``members``, all those live in the queries' one hour; rows add up to 1."""
    distribution = articles.click_distribution(live, queries)
    row = np.arange(len(queries.hour))[:, None]
    liking = np.zeros((len(row), live.bounds.shape[1] - 1))
    liking[row, queries.tastes] = distribution.taste
    age = queries.hour[0] - live.born[members]
    pull = live.popularity[members] * articles.freshness(age, live.height[members], live.evergreen[members])
    chance = (distribution.hot[:, None] + liking[:, live.category[members]]) * pull
    near = live.neighbours[queries.previous]
    np.add.at(chance, (row, _locate(members, near)), distribution.link)  # a neighbour that is not live has chance 0
    old = np.isin(queries.seen, members)
    chance[np.nonzero(old)[0], _locate(members, queries.seen[old])] *= articles.REPEAT_FACTOR
    return np.asarray(chance / chance.sum(axis=1, keepdims=True), dtype=np.float64)


def draw_devices(sessions: Sessions, seed: int) -> pl.DataFrame:
    """One row a click: a user keeps device and location; a session keeps its referrer."""
    rng = np.random.default_rng([8, seed])
    user_count, session_count = len(sessions.counts), int(sessions.session[-1]) + 1
    device, location, usual = (_draw_codes(rng, table, user_count) for table in (DEVICES, LOCATIONS, REFERRERS))
    is_usual = rng.random(session_count) < SAME_REFERRER
    other = _draw_codes(rng, REFERRERS, session_count)
    referrer = np.where(is_usual, usual.to_series()[sessions.user[sessions.opens]], other.to_series())
    click = device[sessions.user].hstack(location[sessions.user])
    return click.with_columns(pl.Series(other.columns[0], referrer[sessions.session]))


def _locate(members: Ints, items: Ints) -> Ints:
    return np.minimum(np.searchsorted(members, items), len(members) - 1)


def _draw_codes(rng: np.random.Generator, table: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Rows of a table of codes by their shares."""
    share = table["share"].to_numpy()
    return table.drop("share")[rng.choice(len(share), rows, p=share / share.sum())]


def _blocks(rows: int, width: int) -> Iterator[slice]:
    height = max(1, BLOCK_CELLS // width)
    return (slice(first, min(first + height, rows)) for first in range(0, rows, height))
