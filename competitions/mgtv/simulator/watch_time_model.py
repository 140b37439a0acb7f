"""The distribution of the completion t = seconds played / duration, given that a device watches a video.

t is a mixture of three parts: abandoned early, given up in the middle, completed. With x = log(duration / 10 minutes),
the parts' weights are a softmax of logits (the middle's is 0) of x, the kind, the device's patience, whether the video
is the next episode, its quality, and the taste for its channel (``ABANDON``, ``COMPLETE``). The parts' shapes are
scaled Beta distributions (``SHAPES``): a short video is played to the end or a little over, an episode to its closing
titles. Assumed: the host's distribution was not published. It is U-shaped and wide, so
the answer that maximises the expected score is far better than the mean.
"""

from functools import cache

import numpy as np
from scipy.special import softmax

from common.arrays import Bools, Floats, Ints
from common.simulation.sampling import draw_columns
from competitions.mgtv.labels import score_rates
from competitions.mgtv.simulator.constants import FEATURE, KINDS
from competitions.mgtv.simulator.slates import SimulationState

# Intercept, by x, patience, next episode, quality, taste.
ABANDON = (0.70, 0.50, -0.80, -0.7, -0.45, -0.25)
COMPLETE = (0.55, -0.15, 0.70, 0.7, 0.45, 0.25)
# Of an episode abandoned, given up, completed; then of a short or trailer: a, b, low, high of
# low + (high - low) Beta(a, b).
SHAPES = (
    *((0.9, 11.0, 0.0, 1.0), (1.6, 1.8, 0.08, 0.85), (4.0, 2.0, 0.86, 0.98)),
    *((1.3, 8.0, 0.0, 1.0), (2.0, 2.0, 0.1, 0.95), (2.0, 2.0, 0.97, 1.05)),
)
PARTS = 3
GRID = np.arange(0, 1101) / 1000  # answers tried
NODES = 2000  # of the integral over t


def part_weights(state: SimulationState, device: Ints, video: Ints, is_next: Bools) -> Floats:
    """Shape (rows, 6): the weights of the ``SHAPES`` for each row, 0 for those of another kind."""
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
    logits[:, 0] = terms @ np.array(ABANDON) + KINDS["abandon"][kind]
    logits[:, 2] = terms @ np.array(COMPLETE) + KINDS["complete"][kind]
    weights = softmax(logits, axis=1)
    return np.hstack([np.where(own[:, None], weights, 0.0) for own in (kind == FEATURE, kind != FEATURE)])


def draw_completion(weights: Floats, rng: np.random.Generator) -> Floats:
    """t of each row."""
    a, b, low, high = np.array(SHAPES)[draw_columns(np.cumsum(weights, axis=1), rng.random(len(weights)))].T
    return np.asarray(low + (high - low) * rng.beta(a, b))


@cache
def make_gains() -> Floats:
    """The expected s by shape and answer of ``GRID``, each shape integrated over its quantiles."""
    from scipy.stats import beta  # here: it takes long to import

    levels = (np.arange(NODES) + 0.5) / NODES
    a, b, low, high = np.array(SHAPES).T[..., None]
    nodes = low + (high - low) * beta.ppf(levels, a, b)
    return np.stack([score_rates(shape[None], GRID[:, None]).mean(axis=1) for shape in nodes])
