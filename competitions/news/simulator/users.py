"""Simulated users: the articles they click, their devices, and the best ranking of their next click."""

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
from competitions.news.simulator.articles import START_MS, ClickContext, LiveCatalogue
from competitions.news.simulator.sessions import Sessions

RANKED = 5
BLOCK_CELLS = 4_000_000  # (query, article) pairs scored at once
# Codes, and their shares in the first hour of the public Globo log.
DEVICES, LOCATIONS, REFERRERS = (
    read_csv(Path(__file__).with_name(f"{table}.csv")) for table in ("devices", "locations", "referrers")
)


def draw_items(live: LiveCatalogue, sessions: Sessions, seed: int) -> Ints:
    """The live article of every click, drawn from P; round k draws the k-th click of all users that have one."""
    rng = np.random.default_rng([7, seed])
    order = np.argsort(-sessions.counts, kind="stable")  # so that each round is about a prefix of the users
    first = (np.cumsum(sessions.counts) - sessions.counts)[order]
    hour = (sessions.time - START_MS) // HOUR_MS
    items = np.full(len(hour), -1, np.int64)
    history = np.full((len(order), int(sessions.counts.max()) + 1), -1, np.int32)  # the last column is no click
    for k in track(range(history.shape[1] - 1), "Simulating clicks"):
        active = int(np.searchsorted(-sessions.counts[order], -k))
        click = first[:active] + k
        context = ClickContext(hour[click], sessions.opens[click], history[:active, k - 1], history[:active, :k])
        items[click] = history[:active, k] = draw_clicks(live, context, rng)
    return items


def draw_clicks(live: LiveCatalogue, context: ClickContext, rng: np.random.Generator) -> Ints:
    """Draw, and draw again where the article was seen, but for a share: exactly the factor r in P."""
    chances = np.cumsum(articles.split_chances(live, context), axis=1)
    chosen = np.full(len(context.hour), -1, np.int64)
    waiting = np.arange(len(chosen))
    while len(waiting):
        rows = take(context, waiting)
        item = _draw(live, rows, chances[waiting], rng)
        again = (rows.seen == item[:, None]).any(axis=1) & (rng.random(len(item)) >= repeat_factor(rows))
        chosen[waiting[~again]] = item[~again]
        waiting = waiting[again]
    return chosen


def repeat_factor(context: ClickContext) -> Floats:
    """The r of what each user has seen."""
    return np.where(context.opens, articles.OPEN_REPEAT, articles.CONTINUE_REPEAT)


def _draw(live: LiveCatalogue, context: ClickContext, chances: Floats, rng: np.random.Generator) -> Ints:
    """One article for each row: a part by its chance, then an article inside the part by g."""
    part = draw_columns(chances, rng.random(len(chances)))
    links, hour, category = live.neighbours.shape[1], context.hour, live.category[context.previous]
    whole = part > links
    start = np.where(whole, live.bounds[hour, 0], live.bounds[hour, category])
    end = np.where(whole, live.bounds[hour, -1], live.bounds[hour, category + 1])
    listed = live.rows[draw_between(live.cumulative, start, end, rng.random(len(part)))]
    linked = live.neighbours[context.previous, np.minimum(part, links - 1)]
    return np.asarray(np.where(part < links, linked, listed), dtype=np.int64)


def make_queries(sessions: Sessions, items: Ints) -> ClickContext:
    """The last click of every test user, to be guessed from those before."""
    counts = sessions.counts[sessions.train_users :]
    last = (np.cumsum(sessions.counts) - 1)[sessions.train_users :]
    steps = np.arange(1, int(counts.max()))
    seen = np.where(steps < counts[:, None], items[np.maximum(last[:, None] - steps, 0)], -1)
    return ClickContext((sessions.time[last] - START_MS) // HOUR_MS, sessions.opens[last], seen[:, 0], seen)


def rank_best(live: LiveCatalogue, queries: ClickContext) -> tuple[Ints, Floats]:
    """The RANKED most likely next clicks of each query, best first (-1 where there are fewer), and their P.

    P of every article of the hour, no short cut; equal chances are ranked by article.
    """
    items = np.full((len(queries.seen), RANKED), -1, np.int64)
    chances = np.zeros((len(queries.seen), RANKED))
    for hour in track(np.unique(queries.hour).tolist(), "Asking the oracle"):
        members = live.rows[live.bounds[hour, 0] : live.bounds[hour, -1]]
        same_hour = np.flatnonzero(queries.hour == hour)
        top = min(RANKED, len(members))
        for rows in np.array_split(same_hour, 1 + same_hour.size * members.size // BLOCK_CELLS):
            chance = score_hour(live, take(queries, rows), members)
            best, chances[rows, :top] = articles.top_columns(chance, top)
            items[rows, :top] = members[best]
    return items, chances


def score_hour(live: LiveCatalogue, queries: ClickContext, members: Ints) -> Floats:
    """P of every article of ``members``, all those live in the queries' one hour; rows add up to 1."""
    parts = articles.split_chances(live, queries)
    link, category, hot = parts[:, :-2], parts[:, -2:-1], parts[:, -1:]
    weight = live.popularity[members] * articles.freshness(queries.hour[0] - live.born[members], live.height[members])
    own = weight * (live.category[members] == live.category[queries.previous][:, None])
    own /= np.maximum(own.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    chance = hot * (weight / weight.sum()) + category * own
    row, near = np.arange(len(chance))[:, None], live.neighbours[queries.previous]
    np.add.at(chance, (row, _locate(members, near)), link)  # a neighbour that is not live has chance 0
    query, column = np.nonzero(np.isin(queries.seen, members))
    again = np.zeros(chance.shape, bool)
    again[query, _locate(members, queries.seen[query, column])] = True
    chance *= np.where(again, repeat_factor(queries)[:, None], 1.0)
    return np.asarray(chance / chance.sum(axis=1, keepdims=True), dtype=np.float64)


def draw_devices(sessions: Sessions, seed: int) -> pl.DataFrame:
    """One row a click: a user keeps device and location; a session keeps its referrer."""
    rng = np.random.default_rng([8, seed])
    users = len(sessions.counts)
    device, location = (_draw_codes(rng, table, users)[sessions.user] for table in (DEVICES, LOCATIONS))
    referrer = _draw_codes(rng, REFERRERS, int(sessions.session[-1]) + 1)[sessions.session]
    return pl.concat([device, location, referrer], how="horizontal")


def _locate(members: Ints, items: NDArray[np.integer]) -> Ints:
    return np.minimum(np.searchsorted(members, items), len(members) - 1)


def _draw_codes(rng: np.random.Generator, table: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Rows of a table of codes by their shares."""
    share = table["share"].to_numpy()
    return table.drop("share")[rng.choice(len(share), rows, p=share / share.sum())]
