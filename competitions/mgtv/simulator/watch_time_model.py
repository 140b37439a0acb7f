"""The distribution of the completion t = seconds played / duration, given that a device watches a video.

t is a mixture of three parts: abandoned early, given up in the middle, completed. With x = log(duration / 10 minutes),
the parts' weights are a softmax of logits (the middle's is 0) of x, the kind, the device's patience, whether the video
is the next episode, its quality, and the taste for its channel (``ABANDON``, ``COMPLETE``). The parts' shapes are
scaled Beta distributions (``SHAPES``): a short video is played to the end or a little over, an episode to its closing
titles, whose length is the programme's. Assumed: the host's distribution was not published. It is U-shaped and wide, so
the answer that maximises the expected score is far better than the mean.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from common.arrays import Bools, Floats, Ints
from common.learning.listwise_softmax import softmax_within
from competitions.mgtv.labels import score_rates
from competitions.mgtv.simulator.catalogue import CLOSING, Catalogue
from competitions.mgtv.simulator.constants import FEATURE, kind_values
from competitions.mgtv.simulator.slates import SimulationState

# Intercept, by x, patience, next episode, quality, taste.
ABANDON = (0.70, 0.50, -0.80, -0.7, -0.45, -0.25)
COMPLETE = (0.55, -0.15, 0.70, 0.7, 0.45, 0.25)
# By form (what is no episode; an episode, by closing titles) and part (abandoned, middle, completed):
# a, b, low, high of low + (high - low) Beta(a, b).
SHAPES = (
    ((1.3, 8.0, 0.0, 1.0), (2.0, 2.0, 0.1, 0.95), (2.0, 2.0, 0.97, 1.05)),
    *(
        ((0.9, 11.0, 0.0, 1.0), (1.6, 1.8, 0.08, 0.85), (4.0, 2.0, 1 - closing - 0.07, 1 - closing + 0.03))
        for closing in CLOSING
    ),
)
PARTS = 3
GRID = np.arange(0, 1101) / 1000  # answers tried
NODES = 2000  # of the integral over t


@dataclass(frozen=True)
class Tables:
    """By form, part and answer of ``GRID``: the expected s, and the chance that t is at most the answer."""

    gain: Floats
    below: Floats
    mean: Floats  # by form and part


def part_weights(state: SimulationState, device: Ints, video: Ints, is_next: Bools) -> Floats:
    """Shape (rows, 3): the weights of the parts for each row."""
    videos, users = state.catalogue.videos, state.users
    kind = videos.kind[video]
    terms = np.column_stack(
        [
            np.ones(len(video)),
            np.log(videos.duration[video] / 600),
            users.patience[device],
            is_next,
            videos.quality[video],
            users.taste[device, videos.channel[video]],
        ]
    )
    logits = np.zeros((len(video), PARTS))
    logits[:, 0] = terms @ np.array(ABANDON) + kind_values("abandon")[kind]
    logits[:, 2] = terms @ np.array(COMPLETE) + kind_values("complete")[kind]
    weights = softmax_within(logits.ravel(), np.full(len(video), PARTS, np.int32))
    return weights.reshape(-1, PARTS)


def find_forms(catalogue: Catalogue, video: Ints) -> Ints:
    """The form of each video: its row of ``SHAPES``."""
    closing = catalogue.collections.closing[catalogue.videos.collection[video]]
    return np.where(catalogue.videos.kind[video] == FEATURE, 1 + closing, 0)


def draw_completion(weights: Floats, form: Ints, rng: np.random.Generator) -> Floats:
    """t of each row."""
    part = (np.cumsum(weights, axis=1) < rng.random(len(weights))[:, None]).sum(axis=1).clip(0, PARTS - 1)
    a, b, low, high = np.moveaxis(np.array(SHAPES)[form, part], -1, 0)
    return np.asarray(low + (high - low) * rng.beta(a, b))


@cache
def make_tables() -> Tables:
    """Integrate each part over its quantiles; the same for every simulation."""
    from scipy.stats import beta  # here: it takes long to import

    levels = (np.arange(NODES) + 0.5) / NODES
    gain, below = np.empty((len(SHAPES), PARTS, len(GRID))), np.empty((len(SHAPES), PARTS, len(GRID)))
    mean = np.empty((len(SHAPES), PARTS))
    for form, shapes in enumerate(SHAPES):
        for part, (a, b, low, high) in enumerate(shapes):
            nodes = low + (high - low) * beta.ppf(levels, a, b)
            gain[form, part] = score_rates(nodes[None], GRID[:, None]).mean(axis=1)
            below[form, part] = beta.cdf((GRID - low) / (high - low), a, b)
            mean[form, part] = low + (high - low) * a / (a + b)
    return Tables(gain, below, mean)
