"""The candidates of a hold-out: drawn so that its rivals are as alive as those among the host's.

The host's candidates are ads that run around the question; most ads of a log ran out weeks before. Drawn evenly from
all that was ever shown, a hold-out's candidates hold a third of the living rivals that the host's do, and its score
lies above the truth's. How alive an ad is can be seen without any target: by its events within a day of the reference
time, on either side, and by the hours from there to the nearest of them.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Floats, expand_spans
from common.time_units import HOUR_S
from competitions.tencent.corpus import Bools, CatalogueRows, Int64s
from competitions.tencent.sequences import Histories

DAY_H = 24
MOST_EVENTS = 256  # within a day; ads with more are one class
SILENT_H = (48.0, 72.0, 120.0, 168.0, 336.0)  # hours to the nearest event, of ads without one within a day
LIVELY = MOST_EVENTS.bit_length()  # classes 0 ..: of 1, 2 to 3, 4 to 7 .. events within a day
CLASSES = LIVELY + len(SILENT_H) + 1
NEVER = -1


@dataclass(frozen=True)
class CandidateMix:
    """What kind of candidates there are: how many (``count``), the ``unseen`` share of those that the log has not seen,
    the rows of the catalogue that numbering them takes (``rows``), and of the seen ones the ``share`` of each class of
    ``classify_ads``, float64 [classes].
    """

    count: int
    unseen: float
    rows: int
    share: Floats


def classify_ads(history: Histories, rows: int, moment: int) -> Int64s:
    """How alive each ad (row of the catalogue) is at a ``moment``: its class, ``NEVER`` for no event at all.

    By the binary logarithm of its events within a day, or without one, by the hours to its nearest event.
    """
    events = history.events()
    item = history.sequences.item[events]
    hours = np.abs(history.sequences.time[events] - moment) / HOUR_S
    near = np.bincount(item[hours <= DAY_H], minlength=rows)
    silent = np.full(rows, np.inf)
    np.minimum.at(silent, item, hours)
    lively = np.frexp(np.clip(near, 1, MOST_EVENTS))[1] - 1
    classes = np.where(near > 0, lively, LIVELY + np.searchsorted(SILENT_H, silent, side="left"))
    return np.where(np.isfinite(silent), classes, NEVER).astype(np.int64)


def measure_mix(candidates: CatalogueRows, history: Histories, moment: int) -> CandidateMix:
    """The mix of these candidates around the ``moment`` of the question."""
    rows = int(max(history.sequences.item.max(initial=0), candidates.max(initial=0))) + 1
    classes = classify_ads(history, rows, moment)[candidates]
    count = np.bincount(classes[classes != NEVER], minlength=CLASSES)
    unseen = float((classes == NEVER).mean()) if len(classes) else 0.0
    return CandidateMix(len(candidates), unseen, rows, count / max(int(count.sum()), 1))


def sample_candidates(
    history: Histories, target: Int64s, hidden: Bools, mix: CandidateMix, moment: int, rng: np.random.Generator
) -> CatalogueRows:
    """The targets, and ads drawn beside them until there are as many as in the ``mix``, ascending: in the mix's share
    of ``unseen`` ones ads that only the ``hidden`` events show, evenly; else such as the history shows, in the shares
    of the mix.
    """
    classes = classify_ads(history, mix.rows, moment)
    after = np.zeros(mix.rows, bool)
    after[history.sequences.item[hidden]] = True
    chosen = np.unique(target)
    unseen = np.setdiff1d(np.flatnonzero(after & (classes == NEVER)), chosen)
    seen = np.setdiff1d(np.flatnonzero(classes != NEVER), chosen)
    total = min(mix.count, len(unseen) + len(seen) + len(chosen))
    # Targets are among the candidates already, and count towards the share of the unseen, or of their class.
    known = np.bincount(classes[chosen] + 1, minlength=CLASSES + 1)[1:]
    new = min(max(round(total * mix.unseen) - (len(chosen) - int(known.sum())), 0), len(unseen))
    rest = min(max(total - len(chosen) - new, 0), len(seen))
    quota = np.maximum(mix.share * (rest + known.sum()) - known, 0.0)
    drawn = [chosen, rng.choice(unseen, new, replace=False), _fill_quotas(seen, classes[seen], quota, rest, rng)]
    return CatalogueRows(np.sort(np.concatenate(drawn)).astype(np.int64))


def _fill_quotas(values: Int64s, classes: Int64s, quota: Floats, count: int, rng: np.random.Generator) -> Int64s:
    """So many of the ``values``, of each class about its ``quota``; where a class has fewer, more of the others, in
    proportion: all classes are drawn from at once, each as quickly as its quota is used up.

    >>> values, classes, rng = np.arange(10, 16), np.array([0, 0, 0, 0, 1, 1]), np.random.default_rng(0)
    >>> sorted(_fill_quotas(values, classes, np.array([1.0, 2.0]), 3, rng).tolist())[1:]  # one of four, two of two
    [14, 15]
    >>> sorted(_fill_quotas(values, classes, np.array([1.0, 9.0]), 4, rng).tolist())[2:]  # the quota's rest is filled
    [14, 15]
    """
    shuffled = rng.permutation(len(values))
    order = shuffled[np.argsort(classes[shuffled], kind="stable")]
    sizes = np.bincount(classes, minlength=CLASSES)
    rank = expand_spans(np.zeros_like(sizes), sizes)[0]  # within its class
    with np.errstate(divide="ignore"):
        used = (rank + 0.5) / quota[classes[order]]  # share of the quota; inf: of a class without any
    return np.asarray(values[order[np.lexsort((rng.random(len(used)), used))[:count]]])
