"""Round 2: which clicks go on to a conversion, and the law that decides it.

An event bears its furthest action. What becomes a click in round 1, for what the ad is about, becomes a click or a
conversion here (``click_model``; 5.37 % of the events, where round 1 has 9.8 %); whether the user then converts is
another matter, and has the probability

    P(conversion | user u accepts ad i) = 1 / (1 + exp(-(level + USER_EFFECT * w_u + AD_EFFECT * w_i)))

``w_u`` is the user's willingness, a half its segment's (in square, see ``users``); ``w_i`` the ad's: its
advertiser's, its product's and its own by ``PARTS``, so that an ad that nobody has seen converts as its advertiser's
and product's do, which are published. Both are standard normal. ``level`` is fitted to the log, so that conversions and
clicks have the shares of the 10M release. A conversion moves the user's state as a click does.

Nothing is published of how conversions depend on ads and users: ``USER_EFFECT``, ``AD_EFFECT`` and ``PARTS`` are
assumed.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from common.arrays import Bools, Floats, Ints
from competitions.tencent.io.schema import CONVERSION
from competitions.tencent.simulator.ads import Ads

# The 10M release: shares of the events with a known action.
CLICKS, CONVERSIONS = 0.0285, 0.0252
CONVERTED = CONVERSIONS / (CLICKS + CONVERSIONS)
USER_EFFECT, AD_EFFECT = 0.8, 1.5
PARTS = {"advertiser": 0.7, "product": 0.6, "ad": 0.39}  # squares sum to 1
LOWEST, HIGHEST = -50.0, 50.0  # between which the level lies


class Law(StrEnum):
    """By which rules users act: those of round 1, who click, or of round 2, who convert as well."""

    ROUND1 = "round1"
    ROUND2 = "round2"


@dataclass(frozen=True)
class ConversionModel:
    """The law's parameters. ``ads`` float64 [ads]: each ad's willingness. ``level``: of the logarithm of the odds."""

    ads: Floats
    level: float = 0.0

    def log_odds(self, willing: Floats, ads: Ints) -> Floats:
        """Of a conversion of users, by their willingness, on ``ads``; shapes broadcast."""
        return np.asarray(self.level + USER_EFFECT * willing + AD_EFFECT * self.ads[ads])

    def probability(self, willing: Floats, ads: Ints) -> Floats:
        """P(conversion) where the ad is accepted."""
        return np.asarray(expit(self.log_odds(willing, ads)))

    def action_probability(self, willing: Floats, ads: Ints, action: NDArray[np.int8]) -> Floats:
        """P(action) of each user (rows) on each ad (columns), where the user accepts it: to convert, or to click only.

        ``willing`` and ``action`` [users], ``ads`` [ads].
        """
        sign = np.where(action == CONVERSION, 1.0, -1.0)
        return np.asarray(expit(sign[:, None] * self.log_odds(willing[:, None], ads)))


def make_conversions(ads: Ads, seed: int) -> ConversionModel:
    """Draw every ad's willingness; the level is fitted later, by ``fit_level``."""
    rng = np.random.default_rng([22, seed])
    own = PARTS["ad"] * rng.standard_normal(len(ads))
    advertiser = PARTS["advertiser"] * rng.standard_normal(len(ads.advertiser_topic))[ads.advertiser]
    product = PARTS["product"] * rng.standard_normal(int(ads.product.max()) + 1)[ads.product]
    return ConversionModel(own + advertiser + product)


def fit_level(log_odds: Floats, share: float = CONVERTED) -> float:
    """What to add to these log odds so that their mean probability is ``share``; 0 where there are none."""
    from scipy.optimize import brentq  # here: it takes long to import

    if not len(log_odds):
        return 0.0
    return float(brentq(lambda level: float(expit(log_odds + level).mean()) - share, LOWEST, HIGHEST))


def draw_conversions(model: ConversionModel, willing: Floats, ads: Ints, rng: np.random.Generator) -> Bools:
    """Which of these clicks, a user's willingness and an ad each, become conversions."""
    return np.asarray(rng.random(len(ads)) < model.probability(willing, ads))
