"""What a user will do says which ads it is about: how often clicks on an ad, or on ads of a value, are conversions.

For round 2, whose host says of each test user whether the target is a conversion or a click that is none.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Singles
from competitions.tencent.corpus import Catalogue, Int64s
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories

SHRINK = 10.0  # clicks that are added with the share of conversions of all


@dataclass(frozen=True)
class ActionRates:
    """``own`` float32 [2, rows of the catalogue]; ``values``: by feature that has values, float32 [2, codes]. The first
    row is of clicks that are no conversions, the second of conversions: log of P(action | the ad, or the code) /
    P(action), 0 where nothing is known.
    """

    own: Singles
    values: tuple[Singles, ...]


def fit_action_rates(history: Histories, catalogue: Catalogue) -> ActionRates:
    """From the clicks and conversions of these histories."""
    events = history.events()
    action = history.sequences.action[events]
    item = history.sequences.item[events][action >= schema.CLICK]
    converted = action[action >= schema.CLICK] == schema.CONVERSION
    codes, sizes = catalogue.features, catalogue.sizes
    values = [_log_ratios(codes[item, at], converted, sizes[at] + 2) for at in catalogue.fields]
    for table in values:
        table[:, 0] = 0.0  # no value
    return ActionRates(_log_ratios(item, converted, len(catalogue.oid)), tuple(values))


def _log_ratios(codes: np.ndarray, converted: np.ndarray, size: int) -> Singles:
    """float32 [2, ``size``] of clicks with these codes, of which some are conversions."""
    clicks = np.bincount(codes, minlength=size)
    conversions = np.bincount(codes[converted], minlength=size)
    mean = (converted.sum() + 1.0) / (len(converted) + 2.0)
    rate = (conversions + SHRINK * mean) / (clicks + SHRINK)
    return np.asarray(np.log(np.stack([(1.0 - rate) / (1.0 - mean), rate / mean])), np.float32)


def action_log_ratio(table: Singles, codes: Int64s, action: Int64s) -> Singles:
    """The rates of ``codes`` [queries, candidates] for each query's ``action`` [queries]; 0 for one that is neither."""
    rates = table[(action == schema.CONVERSION).astype(np.int64)[:, None], codes]
    return np.asarray(np.where((action >= schema.CLICK)[:, None], rates, 0.0), np.float32)
