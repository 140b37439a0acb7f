"""The choice model: which of the shown videos are clicked.

A device's utility of row j of its slate is U_j = SHARPNESS * (a sum of ``WEIGHTS``: its taste for the channel, whether
j is the next episode of a programme it follows, whether it knows the programme, the programme's heat on the day, the
video's quality and novelty, its position, lengths that suit its patience, less what it has seen enough of). It clicks
at all with chance expit(A + B * log sum exp U + C * activity), then k videos (k by ``MORE``) one after another, each
drawn from the rest by the conditional logit exp(U_j) / sum exp(U) (Plackett 1975, Luce 1959; McFadden 1974). The first
click is therefore drawn from the softmax of U over the slate. The weights are assumed, but the quality's: it is such
that the public baseline's design earns about the .256 that it is said to have on the host's board, and A is such that
as many devices click on a day as was published (FIGURES.md).
"""

import numpy as np
from scipy.special import expit

from common.arrays import Floats, Ints
from common.learning.listwise_softmax import softmax_within
from competitions.mgtv.simulator.constants import CHANNELS, KINDS
from competitions.mgtv.simulator.slates import SimulationState, Slates

SHARPNESS = 1.15
WEIGHTS = {
    "taste": 0.75,  # the device's for the channel
    "next": 1.9,  # the next episode of a programme it follows
    "known": 0.7,  # any video of a programme that it follows or clicked of late
    "heat": 0.28,  # of the programme on the day
    "quality": 1.35,
    "novelty": 0.6,
    "position": -0.33,  # by log(1 + position)
    "length": 0.22,  # patience times log(duration / 10 minutes)
    "seen": -0.35,  # by time it was shown of late, up to 3
    "unfinished": 0.7,  # clicked of late and left before the end
    "finished": -0.9,  # clicked of late and watched to the end
}
ANY_CLICK = (-1.42, 0.40, 0.45)  # A, B, C
MORE, MORE_ACTIVITY = -1.1, 0.2  # logit of one more click
MOST_CLICKS = 7
MOST_SEEN = 3


def utilities(state: SimulationState, slates: Slates) -> Floats:
    """U of every row."""
    videos, history, users = state.catalogue.videos, state.history, state.users
    device, video = slates.row_device, slates.video
    channel, programme = videos.channel[video], videos.collection[video]
    clicked = history.clicked[device]
    same = clicked == video[:, None]
    known = (history.follow[device] == programme[:, None]).any(axis=1)
    known |= ((clicked >= 0) & (videos.collection[np.maximum(clicked, 0)] == programme[:, None])).any(axis=1)
    seen = np.minimum((history.shown[device] == video[:, None]).sum(axis=1), MOST_SEEN)
    parts = {
        "taste": users.taste[device, channel],
        "next": slates.next,
        "known": known,
        "heat": state.catalogue.collections.heat[state.popularity.day][programme],
        "quality": videos.quality[video],
        "novelty": state.popularity.novelty[video],
        "position": np.log1p(slates.position),
        "length": users.patience[device] * np.log(videos.duration[video] / 600),
        "seen": seen,
        "unfinished": (same & ~history.finished[device]).any(axis=1),
        "finished": (same & history.finished[device]).any(axis=1),
    }
    value: Floats = CHANNELS["pull"][channel] + KINDS["pull"][videos.kind[video]]
    for name, part in parts.items():
        value += WEIGHTS[name] * part
    return SHARPNESS * value


def draw_clicks(state: SimulationState, slates: Slates, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    """What is clicked: the row of each click, and its rank (0: the device's first); and for every row the chance that
    it is the first click of a slate that has one.
    """
    value = utilities(state, slates)
    size = np.diff(slates.first)
    weight = np.logaddexp.reduceat(value, slates.first[:-1])
    activity = state.users.activity[slates.device]
    clicks = rng.random(len(size)) < expit(ANY_CLICK[0] + ANY_CLICK[1] * weight + ANY_CLICK[2] * activity)
    more = rng.geometric(1 - expit(MORE + MORE_ACTIVITY * activity))
    count = np.where(clicks, np.minimum(np.minimum(more, MOST_CLICKS), size), 0)
    # The largest k of U plus Gumbel noise are k draws without replacement (Yellott 1977).
    order = np.lexsort((-(value + rng.gumbel(size=len(value))), slates.owner))
    owner = np.repeat(np.arange(len(count)), count)
    rank = np.arange(len(owner)) - (np.cumsum(count) - count)[owner]
    return order[slates.first[owner] + rank], rank, softmax_within(value, size.astype(np.int32))
