"""The simulated newsroom: a catalogue of articles, and the exact distribution of a user's next click.

For a user u in hour h whose last click was article i, the chance that the next click is article j is

    P(j | u, i, h)  ~  r(u, j) * [hot * g(j, h) / G(h) + category * K(j | i, h) + link * T(j | i, h)]

    g(j, h) = popularity(j) * freshness(j, h - hour in which j appears)      G(h) = sum over j of g(j, h)
    K(j | i, h)  ~  g(j, h) in the category of i, else 0
    T(j | i, h)  ~  weight(i, j) * freshness(j, h - hour in which j appears)     for the few articles j nearest to i
    r(u, j) = a factor below 1 if u has clicked j before, else 1

The shares (hot, category, link), and r, are others for a click that opens a session. A part that is empty in that hour
gives its share to the hot part. Nothing else decides a click, so the best ranking is known.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints, Singles
from common.time_units import HOUR_MS

START_MS = 1_506_816_000_000  # 2017-10-01 00:00 UTC
HOURS = 18 * 24  # hour bins from START_MS on: the log, and room for the last sessions
# Shares of (hot, category, link). Most clicks go to what is hot in the hour: in the real log the five articles most
# clicked in an hour have 39 % of its clicks, 52 % of those that open a session.
CONTINUE_SHARES, OPEN_SHARES = (0.60, 0.03, 0.37), (0.94, 0.06, 0.0)
CONTINUE_REPEAT, OPEN_REPEAT = 0.024, 0.28  # r of an article that was clicked before
LINKS = 24  # neighbours an article can lead to
LINK_DECAY = 1.4  # weight of the r-th neighbour: r ** -LINK_DECAY, times its popularity ** LINK_POPULARITY
LINK_POPULARITY = 0.7
NEIGHBOUR_BLOCK = 512  # articles compared with their window at once
LINK_WINDOW_HOURS = 12  # neighbours have their heights at most so far apart, or they would not be fresh together
LATENT_WIDTH = 12  # of an article's topic: its category's centre and its own deviation, both standard normal
EMBEDDING_WIDTH = 250
EMBEDDING_NOISE = 0.8
EMBEDDED_SHARE = 295_141 / 364_047
# Popularity of the r-th article: (r + shift) ** -power (Zipf-Mandelbrot).
POPULARITY_SHIFT, POPULARITY_POWER = 52.0, 1.7
CATEGORY_SHIFT, CATEGORY_POWER = 11.0, 2.0  # likewise the size of the r-th category
# Each article has its own height, the median age of its clicks, log-normal among articles; ages at click are log-normal
# around it, cut at FRESH_REACH sigmas and at FRESH_HOURS. So an article is read for hours, but not all at one age.
HEIGHT_MEDIAN_HOURS, HEIGHT_SIGMA = 6.0, 0.8
FRESH_SIGMA, FRESH_REACH, FRESH_HOURS = 0.55, 3.0, 168
APPEARS_AFTER_HOURS = 2  # from the creation in the file on; ages count from there
EDITED_SHARE, EDITED_HOURS = 0.011, 12.0  # articles whose creation in the file is behind their appearance, by how much
# Articles created by hour of the day (UTC), as a share of the busiest hour.
BIRTHS_BY_HOUR = np.array(
    [28, 22, 6, 5, 6, 16, 41, 62, 86, 84, 100, 99, 97, 86, 86, 81, 92, 86, 84, 73, 58, 63, 44, 33], dtype=np.float64
)
FIRST_BIRTH_HOUR = -72  # before the log at half the rate


@dataclass(frozen=True)
class Catalogue:
    """Every article, one per row; its id is its row. ``latent`` (n, LATENT_WIDTH) drives links and embeddings."""

    category: Ints
    created: Ints  # ms
    words: Ints
    latent: Singles
    live: Ints  # ids of the articles that can be clicked, ascending
    born: Ints  # the hour in which each of these appears


@dataclass(frozen=True)
class LiveCatalogue:
    """The live articles by position in ``Catalogue.live``, and one row a (hour, live article) that can be clicked then.

    ``rows`` of hour h lie from ``bounds[h, 0]`` to ``bounds[h, -1]``, those of its category c from ``bounds[h, c]``
    on, as live articles are in category order. ``cumulative`` (one longer than ``rows``) sums g over them.
    """

    category: Ints
    born: Ints  # hour; an article is live from the next hour on
    height: Floats  # median age at click, in hours
    popularity: Floats
    neighbours: Ints  # (live, LINKS)
    link_weights: Floats  # (live, LINKS), 0 where there is no neighbour
    rows: Ints
    cumulative: Floats
    bounds: Ints  # (HOURS, categories + 1)


@dataclass(frozen=True)
class ClickContext:
    """One row per click about to happen: its hour, whether it opens a session, and the live articles that the user
    has clicked, ``previous`` the last of them (-1: none), ``seen`` (n, longest history) all, padded with -1.
    """

    hour: Ints
    opens: Bools
    previous: NDArray[np.integer]
    seen: NDArray[np.integer]


def make_catalogue(articles: int, live: int, categories: int, seed: int) -> Catalogue:
    """Draw ``articles`` articles in ``categories`` categories; ``live`` of them can be clicked in the period."""
    rng = np.random.default_rng([1, seed])
    sizes = 1 + rng.multinomial(articles - categories, _draw_zipf(rng, categories, CATEGORY_SHIFT, CATEGORY_POWER))
    category = np.repeat(np.arange(categories), sizes)
    chosen = np.sort(rng.choice(articles, live, replace=False))
    # Ages of the archive: years, with more from the recent ones.
    created = START_MS - 96 * HOUR_MS - (rng.exponential(1.8 * 365 * 24, articles) * HOUR_MS).astype(np.int64)
    born = _draw_births(rng, live)
    edited = rng.random(live) < EDITED_SHARE
    behind = np.where(edited, rng.exponential(EDITED_HOURS, live), -APPEARS_AFTER_HOURS) + rng.random(live)
    created[chosen] = START_MS + ((born + behind) * HOUR_MS).astype(np.int64)
    words = rng.lognormal(np.log(181), 0.38, articles).astype(np.int64)
    centres = rng.standard_normal((categories, LATENT_WIDTH), dtype=np.float32)
    topics = rng.standard_normal((articles, LATENT_WIDTH), dtype=np.float32)
    return Catalogue(category, created, words, topics + centres[category], chosen, born)


def make_live_catalogue(catalogue: Catalogue, seed: int) -> LiveCatalogue:
    """Give the live articles popularity, neighbours and hourly tables."""
    rng = np.random.default_rng([2, seed])
    live, categories = len(catalogue.live), int(catalogue.category[-1]) + 1
    category, born = catalogue.category[catalogue.live], catalogue.born
    height = HEIGHT_MEDIAN_HOURS * rng.lognormal(0.0, HEIGHT_SIGMA, live)
    popularity = _draw_zipf(rng, live, POPULARITY_SHIFT, POPULARITY_POWER)
    neighbours, weights = _find_neighbours(catalogue.latent[catalogue.live], born + height)
    ages = np.arange(1, FRESH_HOURS + 1)
    weight = popularity[:, None] * freshness(ages, height[:, None])
    hours = born[:, None] + ages
    can_be_clicked = (hours >= 0) & (hours < HOURS) & (weight > 0)
    rows, hours, weight = np.nonzero(can_be_clicked)[0], hours[can_be_clicked], weight[can_be_clicked]
    order = np.argsort(hours * live + rows)
    rows, hours = rows[order], hours[order]
    cells = np.arange(HOURS)[:, None] * categories + np.arange(categories + 1)
    return LiveCatalogue(
        category=category,
        born=born,
        height=height,
        popularity=popularity,
        neighbours=neighbours,
        link_weights=weights * popularity[neighbours] ** LINK_POPULARITY,
        rows=rows,
        cumulative=np.append(0.0, np.cumsum(weight[order])),
        bounds=np.searchsorted(hours * categories + category[rows], cells),
    )


def freshness(age_hours: Ints, height: Floats) -> Floats:
    """Freshness at an age in hours: a log-normal density around ``height``, cut.

    All articles have the same area: popularity is what an article gets in all.
    """
    age = np.clip(age_hours, 1, FRESH_HOURS)
    sigmas = np.log(age / height) / FRESH_SIGMA
    inside = (age == age_hours) & (np.abs(sigmas) <= FRESH_REACH)
    return np.where(inside, np.exp(-0.5 * sigmas**2) / age, 0.0)


def split_chances(live: LiveCatalogue, context: ClickContext) -> Floats:
    """P before r: the chance of each neighbour, of the category, of the hour's list (n, LINKS + 2), in all 1 a row."""
    shares = np.where(context.opens[:, None], OPEN_SHARES, CONTINUE_SHARES)
    own = live.category[context.previous]
    has_category = (context.previous >= 0) & (live.bounds[context.hour, own] < live.bounds[context.hour, own + 1])
    category = np.where(has_category, shares[:, 1], 0.0)
    near = live.neighbours[context.previous]
    pull = freshness(context.hour[:, None] - live.born[near], live.height[near]) * live.link_weights[context.previous]
    pulls = pull.sum(axis=1)
    link = np.divide(shares[:, 2], pulls, out=np.zeros_like(pulls), where=pulls > 0)[:, None] * pull
    return np.column_stack([link, category, 1.0 - category - link.sum(axis=1)])


def embed(catalogue: Catalogue, ids: Ints, seed: int) -> Singles:
    """Embeddings (len(ids), 250): the latent vector seen through a fixed random projection, plus noise."""
    projection = np.random.default_rng([3, seed]).standard_normal((LATENT_WIDTH, EMBEDDING_WIDTH), dtype=np.float32)
    noise = np.random.default_rng([4, seed, int(ids[0])]).standard_normal((len(ids), EMBEDDING_WIDTH), dtype=np.float32)
    vectors: Singles = catalogue.latent[ids] @ (projection / np.float32(LATENT_WIDTH**0.5))
    return vectors + np.float32(EMBEDDING_NOISE) * noise


def _draw_zipf(rng: np.random.Generator, n: int, shift: float, power: float) -> Floats:
    weights = (rng.permutation(n) + 1 + shift) ** -power
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _draw_births(rng: np.random.Generator, n: int) -> Ints:
    """The hours in which articles appear: day and night, quieter weekends."""
    hours = np.arange(FIRST_BIRTH_HOUR, HOURS)
    rate = np.where(hours < 0, 0.5, 1.0) * np.where(hours // 24 % 7 % 6 == 0, 0.6, 1.0) * BIRTHS_BY_HOUR[hours % 24]
    return np.asarray(rng.choice(hours, n, p=rate / rate.sum()), dtype=np.int64)


def _find_neighbours(latent: Singles, time: Floats) -> tuple[Ints, Floats]:
    """The LINKS nearest articles by cosine among those whose ``time`` in hours is within the window of one's own.

    With their weights, by rank.
    """
    neighbours, weights = np.zeros((len(time), LINKS), np.int64), np.zeros((len(time), LINKS))
    order = np.argsort(time, kind="stable")
    hours, unit = time[order], latent[order] / np.linalg.norm(latent[order], axis=1, keepdims=True)
    for first in range(0, len(order), NEIGHBOUR_BLOCK):
        rows = np.arange(first, min(first + NEIGHBOUR_BLOCK, len(order)))
        left = int(np.searchsorted(hours, hours[rows[0]] - LINK_WINDOW_HOURS))
        right = int(np.searchsorted(hours, hours[rows[-1]] + LINK_WINDOW_HOURS, side="right"))
        similarity = unit[rows] @ unit[left:right].T
        similarity[np.abs(hours[rows, None] - hours[left:right]) > LINK_WINDOW_HOURS] = -np.inf
        similarity[np.arange(len(rows)), rows - left] = -np.inf
        best, values = top_columns(similarity, min(LINKS, right - left))
        width = best.shape[1]
        neighbours[order[rows], :width] = order[left + best]
        weights[order[rows], :width] = np.where(np.isfinite(values), np.arange(1.0, width + 1) ** -LINK_DECAY, 0.0)
    return neighbours, weights


def top_columns(values: NDArray[Any], width: int) -> tuple[Ints, NDArray[Any]]:
    """Of each row, the columns of the ``width`` largest values and these values, largest first.

    >>> columns, values = top_columns(np.array([[1, 9, 5]]), 2)
    >>> columns.tolist(), values.tolist()
    ([[1, 2]], [[9, 5]])
    """
    best = np.argpartition(-values, width - 1, axis=1)[:, :width]
    order = np.lexsort((best, -np.take_along_axis(values, best, axis=1)), axis=1)
    best = np.take_along_axis(best, order, axis=1)
    return best, np.take_along_axis(values, best, axis=1)
