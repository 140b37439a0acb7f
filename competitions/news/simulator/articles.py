"""The simulated newsroom: a catalogue of articles, and the exact distribution of a user's next click.

For a user u in hour h whose last click was article i, the chance that the next click is article j is

    P(j | u, i, h)  ~  r(u, j) * [hot * g(j, h) / G(h) + taste * s(u, c(j)) * g(j, h) / D(u, h) + link * T(j | i, h)]

    g(j, h) = popularity(j) * freshness(j, h - birth hour of j)      G(h) = sum over j of g(j, h)
    D(u, h) = sum over c of s(u, c) * M(h, c)                        M(h, c) = sum over j in category c of g(j, h)
    T(j | i, h)  ~  weight(i, j) * freshness(j, h - birth hour of j)  for the few articles j nearest to i
    r(u, j) = REPEAT_FACTOR if u has clicked j before, else 1

with s the user's taste weights. A part that is empty in that hour gives its share to the hot part. Nothing else decides
a click, so the best ranking is known.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats, Ints
from common.time_units import HOUR_MS

START_MS = 1_506_816_000_000  # 2017-10-01 00:00 UTC
HOURS = 45 * 24  # hour bins from START_MS on; the last straggler clicks on 2017-11-13
# Shares of (hot, taste, link) for a click that continues a session, and for one that opens a session. Most clicks go to
# what is hot in the hour: in the real log the five articles most clicked in an hour have 38 % of its clicks.
CONTINUE_SHARES = (0.63, 0.04, 0.33)
OPEN_SHARES = (0.9, 0.1, 0.0)
REPEAT_FACTOR = 0.047
TASTE_DECAY = 0.6  # weight of a favourite category against the one before it; weights add up to 1
LINKS = 24  # neighbours an article can lead to
LINK_DECAY = 1.5  # weight of the r-th neighbour: r ** -LINK_DECAY, times its popularity ** LINK_POPULARITY
LINK_POPULARITY = 0.7
NEIGHBOUR_BLOCK = 512  # articles compared with their window at once
LINK_WINDOW_HOURS = 12  # neighbours have their heights at most so far apart, or they would not be fresh together
LATENT_WIDTH = 12
EMBEDDING_WIDTH = 250
EMBEDDING_NOISE = 0.8
EMBEDDED_SHARE = 295_141 / 364_047
CATEGORY_PULL = 1.0  # length of a category's centre against a topic vector of unit variance
# Popularity of the r-th article: (r + shift) ** -power (Zipf-Mandelbrot).
POPULARITY_SHIFT, POPULARITY_POWER = 52.0, 1.7
CATEGORY_SHIFT, CATEGORY_POWER = 11.0, 2.0  # likewise the size of the r-th category
# Each article has its own height, the median age of its clicks, log-normal among articles; ages at click are log-normal
# around it, cut at FRESH_REACH sigmas and at FRESH_HOURS. So an article is read for hours, but not all at one age.
HEIGHT_MEDIAN_HOURS, HEIGHT_SIGMA = 7.8, 0.55
FRESH_SIGMA, FRESH_REACH, FRESH_HOURS = 0.5, 3.0, 72
EVERGREEN_SHARE, EVERGREEN_FACTOR = 0.03, 0.0015  # old articles still read, all equally: their constant freshness
WORDS_MAX = 6690
# Articles created by hour of the day (UTC), as a share of the busiest hour.
BIRTHS_BY_HOUR = np.array(
    [28, 22, 6, 5, 6, 16, 41, 62, 86, 84, 100, 99, 97, 86, 86, 81, 92, 86, 84, 73, 58, 63, 44, 33], dtype=np.float64
)
FIRST_BIRTH_HOUR, MAIN_DAYS = -72, 17
LATE_BIRTHS = 0.01  # births after the main days, against a main day


@dataclass(frozen=True)
class Catalogue:
    """Every article, one per row; its id is its row. ``latent`` (n, LATENT_WIDTH) drives links and embeddings."""

    category: Ints
    created: Ints  # ms
    words: Ints
    latent: NDArray[np.float32]
    live: Ints  # ids of the articles that can be clicked, ascending


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
    evergreen: NDArray[np.bool_]
    neighbours: Ints  # (live, LINKS)
    link_weights: Floats  # (live, LINKS), 0 where there is no neighbour
    rows: Ints
    cumulative: Floats
    bounds: Ints  # (HOURS, categories + 1)


@dataclass(frozen=True)
class ClickContext:
    """One row per click about to happen: hour, last clicked live article (-1: a session opens), and ``tastes`` (n, k):
    the user's favourite categories, the dearest first.
    """

    hour: Ints
    previous: Ints
    tastes: Ints


@dataclass(frozen=True)
class ClickDistribution:
    """The parts of P before r: ``hot`` (n,) and ``taste`` (n, k) multiply g, ``link`` (n, LINKS) are probabilities."""

    hot: Floats
    taste: Floats
    link: Floats


def make_catalogue(articles: int, live: int, categories: int, seed: int) -> Catalogue:
    """Draw ``articles`` articles in ``categories`` categories; ``live`` of them can be clicked in the period."""
    rng = np.random.default_rng([1, seed])
    sizes = 1 + rng.multinomial(articles - categories, _draw_zipf(rng, categories, CATEGORY_SHIFT, CATEGORY_POWER))
    category = np.repeat(np.arange(categories), sizes)
    chosen = np.sort(rng.choice(articles, live, replace=False))
    # Ages of the archive: years, with more from the recent ones.
    created = START_MS - 96 * HOUR_MS - (rng.exponential(1.8 * 365 * 24, articles) * HOUR_MS).astype(np.int64)
    old = max(5, round(EVERGREEN_SHARE * live))  # so that no hour is without articles
    fresh = rng.permutation(chosen)[: live - old]
    created[fresh] = _draw_births(rng, len(fresh))
    words = np.clip(rng.normal(187, 45, articles) * rng.lognormal(0, 0.25, articles), 0, WORDS_MAX).astype(np.int64)
    words[rng.choice(articles, 2, replace=False)] = 0, WORDS_MAX
    centres = rng.standard_normal((categories, LATENT_WIDTH), dtype=np.float32)
    topics = rng.standard_normal((articles, LATENT_WIDTH), dtype=np.float32)
    return Catalogue(category, created, words, topics + np.float32(CATEGORY_PULL) * centres[category], chosen)


def make_live_catalogue(catalogue: Catalogue, seed: int) -> LiveCatalogue:
    """Give the live articles popularity, neighbours and hourly tables."""
    rng = np.random.default_rng([2, seed])
    live, categories = catalogue.live, int(catalogue.category[-1]) + 1
    category = catalogue.category[live]
    born = (catalogue.created[live] - START_MS) // HOUR_MS
    evergreen = born < FIRST_BIRTH_HOUR
    height = HEIGHT_MEDIAN_HOURS * rng.lognormal(0.0, HEIGHT_SIGMA, len(live))
    popularity = _draw_zipf(rng, len(live), POPULARITY_SHIFT, POPULARITY_POWER)
    popularity[evergreen] = popularity.mean()
    neighbours, weights = _find_neighbours(catalogue.latent[live], born + height, evergreen)
    hours, rows = _list_live_hours(born, height, evergreen)
    weight = popularity[rows] * freshness(hours - born[rows], height[rows], evergreen[rows])
    cells = np.arange(HOURS)[:, None] * categories + np.arange(categories + 1)
    return LiveCatalogue(
        category=category,
        born=born,
        height=height,
        popularity=popularity,
        evergreen=evergreen,
        neighbours=neighbours,
        link_weights=weights * popularity[neighbours] ** LINK_POPULARITY,
        rows=rows,
        cumulative=np.concatenate([[0.0], np.cumsum(weight)]),
        bounds=np.searchsorted(hours * categories + category[rows], cells),
    )


def freshness(age_hours: Ints, height: Floats, evergreen: NDArray[np.bool_]) -> Floats:
    """Freshness at an age in hours: a log-normal density around ``height``, a small constant if evergreen.

    All young articles have the same area: popularity is what an article gets in all.
    """
    age = np.clip(age_hours, 1, FRESH_HOURS)
    sigmas = np.log(age / height) / FRESH_SIGMA
    density = np.exp(-0.5 * sigmas**2) / age
    inside = (age == age_hours) & (np.abs(sigmas) <= FRESH_REACH)
    return np.where(evergreen, EVERGREEN_FACTOR, np.where(inside, density, 0.0))


def click_distribution(live: LiveCatalogue, context: ClickContext) -> ClickDistribution:
    """Work out the parts of P for each context; each part's masses, summed over the articles, add up to 1."""
    start, end = live.bounds[context.hour, 0], live.bounds[context.hour, -1]
    total = live.cumulative[end] - live.cumulative[start]
    shares = np.where((context.previous < 0)[:, None], OPEN_SHARES, CONTINUE_SHARES)
    weights = TASTE_DECAY ** np.arange(context.tastes.shape[1])
    weights /= weights.sum()
    mass = np.sum(weights * category_mass(live, context), axis=1, keepdims=True)
    taste = np.divide(shares[:, 1:2], mass, out=np.zeros_like(mass), where=mass > 0) * weights
    near = live.neighbours[context.previous]
    pull = freshness(context.hour[:, None] - live.born[near], live.height[near], live.evergreen[near])
    pull *= live.link_weights[context.previous]
    pulls = pull.sum(axis=1, keepdims=True)
    link = np.divide(shares[:, 2:3], pulls, out=np.zeros_like(pulls), where=pulls > 0) * pull
    left_over = np.where(mass > 0, 0.0, shares[:, 1:2]) + np.where(pulls > 0, 0.0, shares[:, 2:3])
    return ClickDistribution((shares[:, 0] + left_over[:, 0]) / total, taste, link)


def category_mass(live: LiveCatalogue, context: ClickContext) -> Floats:
    """M(h, c) of each context's hour and tastes, shape (n, k)."""
    hour = context.hour[:, None]
    ends = live.bounds[hour, context.tastes + 1]
    mass: Floats = live.cumulative[ends] - live.cumulative[live.bounds[hour, context.tastes]]
    return mass


def embed(catalogue: Catalogue, ids: Ints, seed: int) -> NDArray[np.float32]:
    """Embeddings (len(ids), 250): the latent vector seen through a fixed random projection, plus noise."""
    projection = np.random.default_rng([3, seed]).standard_normal((LATENT_WIDTH, EMBEDDING_WIDTH), dtype=np.float32)
    noise = np.random.default_rng([4, seed, int(ids[0])]).standard_normal((len(ids), EMBEDDING_WIDTH), dtype=np.float32)
    vectors = catalogue.latent[ids] @ (projection / np.float32(LATENT_WIDTH**0.5)) + np.float32(EMBEDDING_NOISE) * noise
    return np.asarray(vectors / np.float32(4.0), dtype=np.float32)


def _draw_zipf(rng: np.random.Generator, n: int, shift: float, power: float) -> Floats:
    weights = (rng.permutation(n) + 1 + shift) ** -power
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _draw_births(rng: np.random.Generator, n: int) -> Ints:
    """Creation times in ms: day and night, quieter weekends, next to none after the main days."""
    hours = np.arange(FIRST_BIRTH_HOUR, HOURS)
    day = hours // 24
    rate = np.where(day < 0, 0.5, np.where(day < MAIN_DAYS, 1.0, LATE_BIRTHS)) * np.where(day % 7 % 6 == 0, 0.6, 1.0)
    rate = rate * BIRTHS_BY_HOUR[hours % 24]
    born = rng.choice(hours, n, p=rate / rate.sum())
    return np.asarray(START_MS + born * HOUR_MS + rng.integers(0, HOUR_MS, n), dtype=np.int64)


def _list_live_hours(born: Ints, height: Floats, evergreen: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """(hour, live article) of every pair with freshness above 0, in that order."""
    young, old = np.flatnonzero(~evergreen), np.flatnonzero(evergreen)
    ages = np.arange(1, FRESH_HOURS + 1)
    hours = born[young, None] + ages
    inside = (hours >= 0) & (hours < HOURS) & (freshness(ages, height[young, None], np.array(False)) > 0)
    hours, rows = hours[inside], np.repeat(young, inside.sum(axis=1))
    hours = np.concatenate([hours, np.repeat(np.arange(HOURS), len(old))])
    rows = np.concatenate([rows, np.tile(old, HOURS)])
    order = np.argsort(hours * len(born) + rows)
    return hours[order], rows[order]


def _find_neighbours(latent: NDArray[np.float32], time: Floats, evergreen: NDArray[np.bool_]) -> tuple[Ints, Floats]:
    """The LINKS nearest articles by cosine among those whose ``time`` in hours is within the window of one's own.

    With their weights, by rank.
    """
    neighbours, weights = np.zeros((len(time), LINKS), np.int64), np.zeros((len(time), LINKS))
    young = np.flatnonzero(~evergreen)
    young = young[np.argsort(time[young], kind="stable")]
    hours, unit = time[young], latent[young] / np.linalg.norm(latent[young], axis=1, keepdims=True)
    for first in range(0, len(young), NEIGHBOUR_BLOCK):
        rows = np.arange(first, min(first + NEIGHBOUR_BLOCK, len(young)))
        left = int(np.searchsorted(hours, hours[rows[0]] - LINK_WINDOW_HOURS))
        right = int(np.searchsorted(hours, hours[rows[-1]] + LINK_WINDOW_HOURS, side="right"))
        similarity = unit[rows] @ unit[left:right].T
        similarity[np.abs(hours[rows, None] - hours[left:right]) > LINK_WINDOW_HOURS] = -np.inf
        similarity[np.arange(len(rows)), rows - left] = -np.inf
        best, values = top_columns(similarity, min(LINKS, right - left))
        width = best.shape[1]
        neighbours[young[rows], :width] = young[left + best]
        weights[young[rows], :width] = np.where(np.isfinite(values), np.arange(1.0, width + 1) ** -LINK_DECAY, 0.0)
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
