"""Ads in the place of videos: who is shown by bid x P(click) x P(deep | click), and what a wrong factor costs.

A list of the log becomes an auction. Each of its videos gets an advertiser, who pays for a *deep* event alone: the
video is clicked and watched nearly to the end. What another winner would have earned is known without a model, since
the log says of every video of the list whether it was clicked, and of the click how long it was watched. The bids are
drawn, and drawn anew several times, as no log here has any.

    python -m competitions.learning.mgtv --raw DIR

The ranking by bid x ctr x deep cvr x 1,000 is that by *eCPM*, the expected earnings of a thousand impressions. The
winner pays for a deep event what it takes to stay first (the generalised second price: Edelman, Ostrovsky and Schwarz
2007).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats
from common.learning.metrics import average
from competitions.learning.mgtv.calibration import calibrate_across, logit
from competitions.mgtv.models.completion import Bins
from competitions.mgtv.models.decision import pick

DEEP = 0.9  # of a video's length
DRAWS, SPREAD = 20, 1.0  # of the bids: how often, and the deviation of their logarithm
BOLD = 2.0  # what the logits of a model that is too sure of itself are multiplied by
KEPT = 0.1  # the share of the rows without a deep event that a model learned from
RIGHT = "bid x ctr x deep cvr"


@dataclass(frozen=True)
class Auctions:
    """The lists of a day with two ads at least. ``click``, ``deep`` float64 (rows,): P(click) and P(deep | click) as
    fitted; ``clicked``, ``watched``: 1 where it came, ``watched`` of clicked rows only; ``sizes`` int32 (lists,);
    ``devices`` int64 (lists,).
    """

    click: Floats
    deep: Floats
    clicked: Floats
    watched: Floats
    sizes: NDArray[np.int32]
    devices: NDArray[np.int64]


def find_deep(bins: Bins) -> tuple[int, float]:
    """The first bin of a deep event, and the completion rate that it begins with: the first edge from ``DEEP`` on, so
    that the model's probability and the label mean the same.

    >>> find_deep(Bins(np.array([0.5, 0.95, 1.0]), np.zeros(1), np.zeros((4, 1)), np.zeros(4)))
    (2, 0.95)
    """
    place = min(int(np.searchsorted(bins.edges, DEEP)), len(bins.edges) - 1)
    return place + 1, float(bins.edges[place])


def sharpen(chances: Floats) -> Floats:
    """Of a model that is too bold: the logits times ``BOLD``, in the same order.

    >>> sharpen(np.array([0.2, 0.5])).round(3).tolist()
    [0.059, 0.5]
    """
    return np.asarray(1 / (1 + np.exp(-BOLD * logit(chances))))


def forget_sampling(chances: Floats) -> Floats:
    """Of a model that learned from a share ``KEPT`` of the negatives and is not corrected: the odds are 1 / KEPT times
    what they should be.

    >>> forget_sampling(np.array([0.01, 0.5])).round(3).tolist()
    [0.092, 0.909]
    """
    return np.asarray(chances / (chances + (1 - chances) * KEPT))


def hold(bids: Floats, chances: Floats, sizes: NDArray[np.int32]) -> tuple[NDArray[np.int64], Floats]:
    """The winning row of each list, and what a deep event costs the winner; ``bids``, ``chances``: (rows,).

    >>> bids, chances = np.array([1.0, 3.0, 2.0, 2.0]), np.array([0.5, 0.2, 0.1, 0.2])
    >>> rows, price = hold(bids, chances, np.array([2, 2], np.int32))  # worth .5, .6 and .2, .4
    >>> rows.tolist(), price.round(2).tolist()  # .5 / .2 and .2 / .2
    ([1, 3], [2.5, 1.0])
    """
    worth = bids * chances
    first = pick(worth, sizes)
    others = worth.copy()
    others[first] = -np.inf
    return first, np.asarray(worth[pick(others, sizes)] / chances[first])


Ranking = Callable[[Auctions, Floats, Floats], Floats]  # of calibrated P(click), P(deep | click) -> what bids meet
# By the name of its row: what an ad's bid is multiplied with.
RANKINGS: Mapping[str, Ranking] = {
    "bid alone": lambda ads, click, deep: np.ones_like(click),
    "bid x ctr": lambda ads, click, deep: click,
    RIGHT: lambda ads, click, deep: click * deep,
    "both as fitted": lambda ads, click, deep: ads.click * ads.deep,
    "ctr too bold": lambda ads, click, deep: sharpen(click) * deep,
    "deep cvr too bold": lambda ads, click, deep: click * sharpen(deep),
    "deep cvr of sampled rows": lambda ads, click, deep: click * forget_sampling(deep),
    "the product times 5": lambda ads, click, deep: 5 * click * deep,
}


def judge(days: list[Auctions], seed: int) -> list[dict[str, str | float | None]]:
    """Of each ranking, a list: the ``value`` of the deep events that it won, by the bids, with its error over devices;
    the same minus that of ``RIGHT``, paired; the ``revenue`` by second prices; and promised / came, the value that it
    expected over that which came. Bids have a mean of 1.
    """
    clicked = [ads.clicked for ads in days]
    click = calibrate_across("platt", [ads.click for ads in days], clicked)
    # Only a clicked row says whether the deep event followed: right of those, and of the others no log can tell.
    deep = calibrate_across("platt", [ads.deep for ads in days], [ads.watched for ads in days], clicked)
    earned = {name: earn(days, ranking, click, deep, seed) for name, ranking in RANKINGS.items()}
    devices = np.concatenate([ads.devices for ads in days])
    rows: list[dict[str, str | float | None]] = []
    for name, (value, revenue, promised) in earned.items():
        mean, error = average(value, clusters=devices)
        loss, its_error = average(value - earned[RIGHT][0], clusters=devices)
        paid, of_paid = average(revenue, clusters=devices)
        rows.append(
            {
                "ranked by": name,
                "value": mean,
                "value error": error,
                "minus right": None if name == RIGHT else loss,
                "minus right error": None if name == RIGHT else its_error,
                "revenue": paid,
                "revenue error": of_paid,
                "promised / came": float(promised.mean() / mean),
            }
        )
    return rows


def earn(
    days: list[Auctions], ranking: Ranking, click: list[Floats], deep: list[Floats], seed: int
) -> tuple[Floats, Floats, Floats]:
    """Of each list (lists,), the mean over the draws of the bids: value, revenue, promised value."""
    parts = []
    for day, ads in enumerate(days):
        chances, rng = ranking(ads, click[day], deep[day]), np.random.default_rng([seed, day])  # equal bids for all
        sums = np.zeros((3, len(ads.sizes)))
        for _ in range(DRAWS):
            bids = rng.lognormal(-(SPREAD**2) / 2, SPREAD, len(chances))
            won, price = hold(bids, chances, ads.sizes)
            came = ads.clicked[won] * ads.watched[won]
            sums += np.stack([bids[won] * came, price * came, bids[won] * chances[won]])
        parts.append(sums / DRAWS)
    value, revenue, promised = np.concatenate(parts, axis=1)
    return value, revenue, promised
