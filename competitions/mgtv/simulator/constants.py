"""What is fixed before anyone watches: sizes at a scale, days, channels, kinds of video, and the numbers assumed.

The host published neither row counts nor click rates of 2025. Assumed: 240,000 of 1.5M devices are shown a slate on a
day, of about 8 videos; 69% of them click, 1.36 videos each (the 2024 edition's figures: 165,000 clickers, 1.36).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats, Ints

Codes: TypeAlias = NDArray[np.int32]

# Devices, videos, collections: sizes of the embedding tables of a team of the 2025 edition.
DEVICES, VIDEOS, COLLECTIONS = 1_500_000, 17_000, 2_500
LEAST_VIDEOS, LEAST_COLLECTIONS = 400, 60
COMMENTS, LEAST_COMMENTS = 60_000, 400  # assumed
DAYS = 30  # with a log; the day after is the test day
TEST_DAY = DAYS + 1
START = datetime(2025, 6, 1)  # assumed; day 1
SIZE_MEAN_LOG, SIZE_SIGMA, MOST_SHOWN = 1.73, 0.95, 40  # a slate's length, before repeats are taken out


class Channel(NamedTuple):
    """A channel: share of the collections, and what its programmes are like.

    ``episodes``: their median number. ``running``: share of the programmes that release episodes in these days.
    ``at_once`` episodes every ``every`` days. ``heat`` lifts what is shown, ``pull`` what is clicked, in logarithms.
    """

    share: float
    episodes: float
    running: float
    at_once: int
    every: int
    minutes: float
    heat: float
    pull: float
    extras: float


# Assumed. In this order: drama, variety, anime, kids, film, documentary, music, news, life, sport, game, education.
CHANNELS = (
    Channel(0.14, 26, 0.40, 2, 1, 44, 1.2, 0.35, 1.2),
    Channel(0.10, 12, 0.50, 1, 7, 75, 1.3, 0.45, 3.0),
    Channel(0.10, 16, 0.30, 1, 7, 24, 0.3, 0.10, 0.5),
    Channel(0.10, 24, 0.15, 2, 1, 20, 0.2, -0.05, 0.3),
    Channel(0.22, 1, 0.15, 1, 1, 88, 0.1, 0.10, 0.8),
    Channel(0.09, 6, 0.20, 1, 7, 45, -0.6, -0.30, 0.5),
    Channel(0.06, 3, 0.30, 1, 7, 30, -0.4, -0.10, 1.5),
    Channel(0.03, 20, 0.90, 1, 1, 25, -0.3, -0.45, 0.5),
    Channel(0.05, 8, 0.40, 1, 3, 30, -0.5, -0.20, 0.7),
    Channel(0.04, 6, 0.50, 1, 2, 60, -0.2, 0.05, 1.0),
    Channel(0.03, 8, 0.40, 1, 2, 25, -0.6, -0.15, 0.7),
    Channel(0.04, 12, 0.15, 1, 7, 30, -1.0, -0.60, 0.2),
)


class Kind(NamedTuple):
    """A kind of video: its isIntact code, minutes, and what it is like.

    ``heat`` lifts what is shown, ``pull`` what is clicked; ``abandon`` and ``complete`` are logits against the middle.
    """

    code: int
    minutes: tuple[float, float]
    heat: float
    pull: float
    abandon: float
    complete: float


# Assumed; the codes are those of an earlier edition.
KINDS = (
    Kind(1, (20, 90), 0.0, 0.25, 0.0, 0.0),
    Kind(2, (1, 12), -0.95, 0.0, 0.1, 0.0),
    Kind(3, (0.5, 2), -0.8, -0.1, -0.5, 0.7),
)
FEATURE, SHORT, TRAILER = range(3)


@dataclass(frozen=True)
class Sizes:
    """Numbers of devices, videos and collections, and rows of comments, at a scale."""

    devices: int
    videos: int
    collections: int
    comments: int


def measure_sizes(scale: float) -> Sizes:
    """Sizes at a scale; 1.0 gives the host's.

    The catalogue grows with the root of the scale, so that a video of a small set still has its clicks.
    """
    slow = scale**0.5
    return Sizes(
        devices=round(DEVICES * scale),
        videos=max(LEAST_VIDEOS, round(VIDEOS * slow)),
        collections=max(LEAST_COLLECTIONS, round(COLLECTIONS * slow)),
        comments=min(COMMENTS, max(LEAST_COMMENTS, round(COMMENTS * scale))),
    )


def channel_values(name: str) -> Floats:
    """A field of every channel."""
    return np.array([getattr(channel, name) for channel in CHANNELS], float)


def kind_values(name: str) -> Floats:
    """A field of every kind."""
    return np.array([getattr(kind, name) for kind in KINDS], float)


def group_rows(first: Ints) -> Ints:
    """By row the run it is in, for runs that ``first`` bounds (one entry more than runs)."""
    return np.repeat(np.arange(len(first) - 1), np.diff(first))
