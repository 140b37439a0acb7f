"""The devices: how active they are, what they like, and what they remember of the days before.

A device's taste for each channel, its patience and its activity are standard normal. History: up to four followed
programmes with the next episode, the last videos clicked and whether they were finished, the last videos shown. All of
it can be derived from the log, day by day.

An episode watched to ``FINISHED`` moves the pointer to the next one; watched in a programme not yet followed, it makes
the device follow with a chance that grows with the quality. An episode that was abandoned is still the next one.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import expit

from common.arrays import Bools, Floats, Ints, Singles
from common.simulation.sampling import make_pool
from competitions.mgtv.simulator.catalogue import Catalogue
from competitions.mgtv.simulator.constants import CHANNELS, FEATURE, Codes

DEVICES = 1_500_000  # rows of the embedding table of a team of the 2025 edition
RATE, ACTIVITY = 0.1025, 1.2  # slates a day: RATE * exp(ACTIVITY * activity); 16% of the devices have one on a day
SLOTS, CLICKED, SHOWN = 4, 8, 16  # followed programmes, clicked and shown videos that a device remembers
FINISHED = 0.6
STARTED = 0.45  # chance that a slot is taken when the log begins


@dataclass(frozen=True)
class Users:
    """One entry a device: its name, and traits that never change."""

    did: pl.Series
    activity: Singles
    patience: Singles
    taste: Singles  # (devices, channels)


@dataclass
class UserHistory:
    """What devices did and follow; changes day by day. -1: nothing. ``follows``: how often a ring was written."""

    follow: Codes  # (devices, SLOTS): programmes
    next_serial: Codes  # (devices, SLOTS): the next episode, from 1
    follows: Codes
    clicked: Codes  # (devices, CLICKED): videos
    finished: Bools
    clicks: Codes
    shown: Codes  # (devices, SHOWN): videos
    shows: Codes


@dataclass(frozen=True)
class Watched:
    """One entry a click: its ``row`` of the slates; those of a device in the order of ``rank`` (0, 1, ...)."""

    row: Ints
    device: Ints
    video: Ints
    rank: Ints
    completion: Floats
    follow_draw: Floats  # uniform: below the chance, the device follows


def make_users(scale: float, seed: int) -> Users:
    """Draw the devices."""
    rng, devices = np.random.default_rng([21, seed]), round(DEVICES * scale)
    digits = rng.bytes(16 * devices).hex()
    return Users(
        did=pl.Series("did", [digits[at : at + 32] for at in range(0, len(digits), 32)]),
        activity=rng.standard_normal(devices, dtype=np.float32),
        patience=rng.standard_normal(devices, dtype=np.float32),
        taste=rng.standard_normal((devices, len(CHANNELS)), dtype=np.float32),
    )


def list_active(users: Users, day: int, seed: int) -> Ints:
    """Devices that get a slate on a day."""
    rng = np.random.default_rng([22, seed, day])
    rate = RATE * np.exp(ACTIVITY * users.activity)
    return np.flatnonzero(rng.random(len(rate), dtype=np.float32) < -np.expm1(-rate))


def init_history(catalogue: Catalogue, users: Users, seed: int) -> UserHistory:
    """Memory before day 1: some devices follow programmes of channels they like, hot ones first."""
    rng = np.random.default_rng([23, seed])
    devices, programmes = len(users.activity), catalogue.collections
    old = (catalogue.videos.kind == FEATURE) & (catalogue.videos.release < 1)
    out = np.bincount(catalogue.videos.collection[old], minlength=len(programmes.channel))
    weight = np.where((programmes.episodes > 2) & (out > 0), np.exp(programmes.heat[0]), 0.0)
    pool = make_pool(programmes.channel, len(CHANNELS), weight)
    follow = np.full((devices, SLOTS), -1, np.int32)
    next_serial = np.ones((devices, SLOTS), np.int32)
    for slot in range(SLOTS):
        taken = np.flatnonzero(rng.random(devices) < STARTED)
        programme = pool.draw(draw_channels(users, taken, pool.weights, rng), rng.random(len(taken)))
        new = ~(follow[taken] == programme[:, None]).any(axis=1)
        taken, programme = taken[new], programme[new]
        follow[taken, slot] = programme
        next_serial[taken, slot] = 1 + rng.random(len(taken)) * (out[programme] + 1)
    return UserHistory(
        follow=follow,
        next_serial=next_serial,
        follows=np.zeros(devices, np.int32),
        clicked=np.full((devices, CLICKED), -1, np.int32),
        finished=np.zeros((devices, CLICKED), bool),
        clicks=np.zeros(devices, np.int32),
        shown=np.full((devices, SHOWN), -1, np.int32),
        shows=np.zeros(devices, np.int32),
    )


def draw_channels(users: Users, device: Ints, weight: Floats, rng: np.random.Generator) -> Ints:
    """A channel for each device, by its taste, what the channel draws, and a ``weight`` by channel."""
    with np.errstate(divide="ignore"):
        liking = users.taste[device] + CHANNELS["pull"] + np.log(weight)
    # The largest of log weight plus Gumbel noise is a draw by weight (Yellott 1977).
    return np.asarray((liking + rng.gumbel(size=liking.shape)).argmax(axis=1))


def next_videos(catalogue: Catalogue, history: UserHistory, devices: Ints, day: int) -> Ints:
    """Shape (devices, SLOTS): the next episode of each followed programme, -1 where there is none out."""
    programmes = catalogue.collections
    follow, next_serial = history.follow[devices], history.next_serial[devices]
    at = np.maximum(follow, 0)
    there = (follow >= 0) & (next_serial <= programmes.episodes[at])
    video = np.where(there, programmes.first[at] + next_serial - 1, 0)
    return np.where(there & (catalogue.videos.release[video] <= day), video, -1)


def record_impressions(history: UserHistory, device: Ints, position: Ints, video: Ints) -> None:
    """Write a slate a device (by row: device, position, video) into the ring of what was shown."""
    last = position >= np.bincount(device, minlength=len(history.shows))[device] - SHOWN
    history.shown[device[last], (history.shows[device[last]] + position[last]) % SHOWN] = video[last]
    np.add.at(history.shows, device, 1)


def record_clicks(catalogue: Catalogue, history: UserHistory, watched: Watched) -> None:
    """Move pointers, follow, and write the ring of what was clicked."""
    for rank in range(int(watched.rank.max(initial=-1)) + 1):
        now = watched.rank == rank  # a device once
        device, video = watched.device[now], watched.video[now]
        done = watched.completion[now] >= FINISHED
        ring = history.clicks[device] % CLICKED
        history.clicked[device, ring], history.finished[device, ring] = video, done
        history.clicks[device] += 1
        episode = done & (catalogue.videos.kind[video] == FEATURE)
        _advance(catalogue, history, device[episode], video[episode], watched.follow_draw[now][episode])


def _advance(catalogue: Catalogue, history: UserHistory, device: Ints, video: Ints, follow_draw: Floats) -> None:
    """After finished episodes (a device once)."""
    programme, after = catalogue.videos.collection[video], catalogue.videos.serial[video] + 1
    match = history.follow[device] == programme[:, None]
    known = match.any(axis=1)
    history.next_serial[device[known], match[known].argmax(axis=1)] = after[known]
    quality = catalogue.collections.quality[programme]
    starts = ~known & (catalogue.collections.episodes[programme] > 1) & (follow_draw < expit(0.6 + 0.7 * quality))
    device, programme, after = device[starts], programme[starts], after[starts]
    slot = history.follows[device] % SLOTS
    history.follow[device, slot], history.next_serial[device, slot] = programme, after
    history.follows[device] += 1
