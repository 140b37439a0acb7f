"""The slates of a day: what each active device is shown, in which order.

A row of a slate is the next episode of a followed programme, a video of a programme that was clicked of late, the
clicked video itself, one of a channel that the device likes, a hot one of any channel, or any at all (``SOURCES``);
what a device lacks becomes a video of a channel it likes. Rows of one video are one row. The order follows a noisy
estimate of the interest, so that the position is a signal; the click falls with it besides (see ``click_model``).
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints
from competitions.mgtv.simulator.catalogue import Catalogue, DayPopularity
from competitions.mgtv.simulator.constants import MOST_SHOWN, SIZE_MEAN_LOG, SIZE_SIGMA
from competitions.mgtv.simulator.users import CLICKED, UserHistory, Users, draw_channels, next_videos

# Next episode, programme clicked of late, clicked of late, liked channel, hot, any.
SOURCES = np.array([0.26, 0.10, 0.14, 0.28, 0.18, 0.04])
NEXT, KNOWN, AGAIN, LIKED, HOT, ANY = range(6)
ESTIMATE_WEIGHTS = (0.45, 0.35, 0.8, 1.6)  # weights in the order of a slate: taste, heat, next episode, noise


@dataclass(frozen=True)
class Slates:
    """The slates of some devices on a day: rows of slate i from ``first[i]`` to ``first[i + 1]``, in shown order."""

    device: Ints  # by slate
    first: Ints  # one entry more
    owner: Ints  # by row, its slate
    video: Ints
    next: Bools  # the next episode of a followed programme

    @property
    def position(self) -> Ints:
        """By row its position in the slate, from 0."""
        return np.arange(len(self.video)) - self.first[self.owner]

    @property
    def row_device(self) -> Ints:
        """By row its device."""
        return self.device[self.owner]


@dataclass(frozen=True)
class SimulationState:
    """What a day's slates are made of; ``history``: that of the days before."""

    catalogue: Catalogue
    users: Users
    history: UserHistory
    popularity: DayPopularity


def draw_slates(state: SimulationState, devices: Ints, rng: np.random.Generator) -> Slates:
    """A slate for each of ``devices`` (ascending)."""
    catalogue, activity = state.catalogue, state.users.activity[devices]
    size = np.exp(SIZE_MEAN_LOG + 0.1 * activity + SIZE_SIGMA * rng.standard_normal(len(devices)))
    owner = np.repeat(np.arange(len(devices)), np.clip(size, 1, MOST_SHOWN).astype(np.int64))
    following = next_videos(catalogue, state.history, devices, state.popularity.day)
    drawn = _draw_videos(state, devices, owner, following, rng)
    count = len(catalogue.videos.kind)
    owner, video = np.divmod(np.unique(owner * count + drawn), count)
    is_next = (following[owner] == video[:, None]).any(axis=1)
    order = np.lexsort((-_estimate(state, devices[owner], video, is_next, rng), owner))
    first = np.append(0, np.cumsum(np.bincount(owner, minlength=len(devices))))
    return Slates(devices, first, owner, video[order], is_next[order])


def _draw_videos(state: SimulationState, devices: Ints, owner: Ints, following: Ints, rng: np.random.Generator) -> Ints:
    """A video for each row."""
    catalogue, popularity = state.catalogue, state.popularity
    source = rng.choice(len(SOURCES), len(owner), p=SOURCES)
    slot = rng.integers(0, following.shape[1], len(owner))
    video = np.full(len(owner), -1)
    rows = np.flatnonzero(source == NEXT)
    video[rows] = following[owner[rows], slot[rows]]
    rows = np.flatnonzero((source == AGAIN) | (source == KNOWN))
    video[rows] = state.history.clicked[devices[owner[rows]], rng.integers(0, CLICKED, len(rows))]
    rows = np.flatnonzero((source == KNOWN) & (video >= 0))
    video[rows] = catalogue.members.draw(catalogue.videos.collection[video[rows]], rng.random(len(rows)))
    rows = np.flatnonzero(source == HOT)
    video[rows] = popularity.pool.draw_any(rng.random(len(rows)))
    rows = np.flatnonzero(source == ANY)
    video[rows] = rng.integers(0, len(catalogue.videos.kind), len(rows))
    video = np.where(popularity.released[np.maximum(video, 0)], video, -1)
    rows = np.flatnonzero(video < 0)
    # By liking, popularity on the day, and how many devices watch the channel.
    weight = popularity.pool.weights**0.5
    channel = draw_channels(state.users, devices[owner[rows]], weight, rng)
    video[rows] = popularity.pool.draw(channel, rng.random(len(rows)))
    return video


def _estimate(state: SimulationState, device: Ints, video: Ints, is_next: Bools, rng: np.random.Generator) -> Floats:
    """What the recommender thinks of each row."""
    videos = state.catalogue.videos
    taste, heat, following, noise = ESTIMATE_WEIGHTS
    value = taste * state.users.taste[device, videos.channel[video]] + following * is_next
    value += heat * state.catalogue.collections.heat[state.popularity.day][videos.collection[video]]
    guess: Floats = value + noise * rng.standard_normal(len(video))
    return guess
