"""The catalogue: programmes by channel, their episodes day by day, and the trailers and shorts about them.

A collection is a programme. Its episodes 1 .. N are released ``at_once`` every ``every`` days; of a running programme
some fall in these days, others were complete before. A video's popularity on a day is

    exp(heat of the collection on the day + lift of its kind + 0.3 quality + 1.5 exp(-age in days / 2.5) - 0.02 serial)

from its release on. Heat is a Zipf distribution over the collections, a random walk, and a boost with every release.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints
from common.simulation.sampling import Pool, make_pool
from competitions.mgtv.simulator.constants import CHANNELS, FEATURE, KINDS, SHORT, TEST_DAY, TRAILER

VIDEOS, COLLECTIONS = 17_000, 2_500  # sizes of the embedding tables of a team of the 2025 edition
LEAST_VIDEOS, LEAST_COLLECTIONS = 400, 60
ZIPF, ZIPF_SHIFT = 0.9, 3.0
WALK = 0.12  # deviation of a day's step of the heat
BOOST, BOOST_DAYS, MOST_BOOST = 0.8, 2.0, 1.2
NOVELTY, NOVELTY_DAYS = 1.5, 2.5
TO_COME = 0.07  # of the videos, about, come out after the test day
EPISODE_SHARE = 0.56  # of the videos; the others are about them
TRAILERS = 0.25  # of what is about the episodes
FRESH = 0.5  # of what is about complete programmes: comes out in these days


@dataclass(frozen=True)
class Collections:
    """One entry a programme; episode k is video ``first + k - 1``. ``heat`` has a row a day, 0 .. 31."""

    channel: Ints
    episodes: Ints
    first: Ints
    quality: Floats
    code: Ints
    heat: Floats


@dataclass(frozen=True)
class Videos:
    """One entry a video: episodes first, programme by programme. ``duration`` in whole seconds."""

    collection: Ints
    channel: Ints
    kind: Ints  # position in KINDS
    serial: Ints
    release: Ints  # day, below 1: before the log
    duration: Floats
    quality: Floats
    code: Ints


@dataclass(frozen=True)
class Catalogue:
    """Programmes and videos; ``members``: the videos by programme, all alike."""

    collections: Collections
    videos: Videos
    members: Pool


@dataclass(frozen=True)
class DayPopularity:
    """A day's popularity; ``pool``: the videos that are out by channel, popular ones more often."""

    day: int
    released: Bools
    novelty: Floats
    pool: Pool


def make_catalogue(scale: float, seed: int) -> Catalogue:
    """Draw the catalogue; the same arguments give the same one.

    It grows with the root of the scale, so that a video of a small set still has its clicks.
    """
    rng, slow = np.random.default_rng([11, seed]), scale**0.5
    count = max(LEAST_COLLECTIONS, round(COLLECTIONS * slow))
    total = round(max(LEAST_VIDEOS, round(VIDEOS * slow)) / (1 - TO_COME))
    channel = rng.choice(len(CHANNELS), count, p=CHANNELS["share"] / CHANNELS["share"].sum())
    episodes = _count_episodes(channel, round(EPISODE_SHARE * total), rng)
    quality = rng.standard_normal(count)
    base = _draw_heat(channel, quality, rng)
    at_once, every = (CHANNELS[name][channel] for name in ("at_once", "every"))
    running = rng.random(len(channel)) < CHANNELS["running"][channel]
    # Of a running programme the last day is drawn evenly, until its first episode would come out after the test day:
    # as many episodes come out on that day as on any other.
    recent, old = rng.integers(2, TEST_DAY + 1 + episodes // at_once * every), -rng.geometric(1 / 200, len(channel))
    videos = _make_videos(channel, episodes, quality, base, np.where(running, recent, old), total, rng)
    collections = Collections(
        channel=channel,
        episodes=episodes,
        first=np.cumsum(episodes) - episodes,
        quality=quality,
        code=300_000 + rng.permutation(8 * count)[:count],
        heat=_walk(base, videos, rng),
    )
    members = make_pool(videos.collection, count, np.ones(len(videos.kind)))
    return Catalogue(collections, videos, members)


def rate_day(catalogue: Catalogue, day: int) -> DayPopularity:
    """What is out on a day, and how popular it is."""
    videos = catalogue.videos
    released = videos.release <= day
    novelty = np.where(released, np.exp(-np.maximum(day - videos.release, 0) / NOVELTY_DAYS), 0.0)
    value = catalogue.collections.heat[day][videos.collection] + KINDS["heat"][videos.kind]
    value += 0.3 * videos.quality + NOVELTY * novelty - 0.02 * np.minimum(videos.serial, 60)
    pool = make_pool(videos.channel, len(CHANNELS), np.where(released, np.exp(value), 0.0))
    return DayPopularity(day, released, novelty, pool)


def _count_episodes(channel: Ints, total: int, rng: np.random.Generator) -> Ints:
    """Episodes of each programme: log-normal about its channel's median, at least 1, ``total`` in all (about)."""
    usual = CHANNELS["episodes"][channel]
    drawn = usual * np.exp(0.5 * rng.standard_normal(len(channel)))
    film = usual == 1
    factor = (total - film.sum()) / max(drawn[~film].sum(), 1.0)
    return np.where(film, 1, np.maximum(1, np.round(drawn * factor))).astype(np.int64)


def _draw_heat(channel: Ints, quality: Floats, rng: np.random.Generator) -> Floats:
    """Log popularity of each programme, its popularity-weighted mean at 0 at every size of the catalogue."""
    rank = rng.permutation(len(channel))
    heat = -ZIPF * np.log(rank + ZIPF_SHIFT) + CHANNELS["heat"][channel] + 0.25 * quality
    weight = np.exp(heat)
    return np.asarray(heat - (weight * heat).sum() / weight.sum())


def _make_videos(
    channel: Ints, episodes: Ints, quality: Floats, base: Floats, last: Ints, total: int, rng: np.random.Generator
) -> Videos:
    """Episodes, then what is about them up to ``total``: hot programmes of some channels have most.

    Episode k comes out as many days before the ``last`` one as the channel's rhythm says; a trailer three days before
    its episode, a short up to two days after it, and of a complete programme on any day.
    """
    weight = CHANNELS["extras"][channel] * np.exp(0.5 * base) * np.sqrt(episodes)
    count = max(total - int(episodes.sum()), len(KINDS))
    about = np.sort(rng.choice(len(channel), count, p=weight / weight.sum()))
    kind = np.append(np.full(episodes.sum(), FEATURE), np.where(rng.random(count) < TRAILERS, TRAILER, SHORT))
    collection = np.append(np.repeat(np.arange(len(channel)), episodes), about)
    number = np.arange(episodes.sum()) - np.repeat(np.cumsum(episodes) - episodes, episodes) + 1
    serial = np.append(number, rng.integers(1, episodes[about] + 1))
    at_once, every = (CHANNELS[name][channel[collection]] for name in ("at_once", "every"))
    release = last[collection] - (episodes[collection] - serial) // at_once * every
    beside = np.where(kind == TRAILER, release - 3, release + rng.integers(0, 3, len(kind)))
    again = (last[collection] < 1) & (rng.random(len(kind)) < FRESH)
    beside = np.where(again, rng.integers(1, TEST_DAY + 1, len(kind)), beside)
    low, high = (KINDS[f"{end}_minutes"][kind] for end in ("least", "most"))
    usual = np.clip(CHANNELS["minutes"][channel] * np.exp(0.15 * rng.standard_normal(len(channel))), 20, 90)
    minutes = usual[collection] * np.exp(0.05 * rng.standard_normal(len(kind)))
    minutes = np.where(kind == FEATURE, np.clip(minutes, low, high), low + (high - low) * rng.random(len(kind)))
    return Videos(
        collection=collection,
        channel=channel[collection],
        kind=kind,
        serial=serial,
        release=np.where(kind == FEATURE, release, beside),
        duration=np.round(minutes * 60),
        quality=0.7 * quality[collection] + 0.7 * rng.standard_normal(len(kind)),
        code=10_000_000 + rng.permutation(20 * len(kind))[: len(kind)],
    )


def _walk(base: Floats, videos: Videos, rng: np.random.Generator) -> Floats:
    """Heat by day (0 .. 31) and programme: the base, a random walk, a boost that fades after every release."""
    heat = base + np.cumsum(WALK * rng.standard_normal((TEST_DAY + 1, len(base))), axis=0)
    boost = np.zeros(len(base))
    for day in range(TEST_DAY + 1):
        new = videos.collection[(videos.release == day) & (videos.kind == FEATURE)]
        boost *= np.exp(-1 / BOOST_DAYS)
        boost += BOOST * (np.bincount(new, minlength=len(base)) > 0)
        heat[day] += np.minimum(boost, MOST_BOOST)
    return heat
