"""The candidates of a hold-out: drawn so that its rivals are as alive as those among the host's.

The host's candidates are ads that run, or ran lately; most ads of a log ran out weeks ago. Drawn evenly from all that
was ever shown, a hold-out's candidates hold a third of the living rivals that the host's do, and its score lies above
the truth's. How alive an ad is can be seen without any target: by its events in the last day, and by the hours since
the last of them.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Floats
from common.time_units import HOUR_S
from competitions.tencent.corpus import Bools, Int64s
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.sequences import Histories, usual_times

DAY_H = 24
MOST_EVENTS = 256  # in the last day; ads with more are one class
SILENT_H = (48.0, 72.0, 120.0, 168.0, 336.0)  # hours since the last event, of ads without one in the last day
LIVELY = MOST_EVENTS.bit_length()  # classes 0 ..: of 1, 2 to 3, 4 to 7 .. events in the last day
CLASSES = LIVELY + len(SILENT_H) + 1
NEVER = -1


@dataclass(frozen=True)
class CandidateMix:
    """What kind of candidates there are: how many (``count``), the rows of the catalogue that numbering them takes
    (``rows``), and of those that the log has seen the ``share`` of each class of ``classify_ads``, float64 [classes].
    """

    count: int
    rows: int
    share: Floats


def classify_ads(history: Histories, rows: int) -> Int64s:
    """How alive each ad (row of the catalogue) is where these histories end: its class, ``NEVER`` for no event at all.

    By the binary logarithm of its events in the last day, or without one, by the hours since its last event.
    """
    events = history.events()
    item = history.sequences.item[events]
    hours = (usual_times(history)[1] + 1 - history.sequences.time[events]) / HOUR_S
    lately = np.bincount(item[hours <= DAY_H], minlength=rows)
    silent = np.full(rows, np.inf)
    np.minimum.at(silent, item, hours)
    lively = np.frexp(np.clip(lately, 1, MOST_EVENTS))[1] - 1
    classes = np.where(lately > 0, lively, LIVELY + np.searchsorted(SILENT_H, silent, side="left"))
    return np.where(np.isfinite(silent), classes, NEVER).astype(np.int64)


def measure_mix(candidates: CatalogueRows, history: Histories) -> CandidateMix:
    """The mix of these candidates where the history ends, which tells how old each of them is."""
    rows = count_rows(candidates, history)
    classes = classify_ads(history, rows)[candidates]
    count = np.bincount(classes[classes != NEVER], minlength=CLASSES)
    return CandidateMix(len(candidates), rows, count / max(int(count.sum()), 1))


def count_rows(candidates: CatalogueRows, history: Histories) -> int:
    """Rows of the catalogue that candidates and log take, at least."""
    return int(max(history.sequences.item.max(initial=0), candidates.max(initial=0))) + 1


def sample_candidates(
    history: Histories,
    target: Int64s,
    behind: Bools,
    mix: CandidateMix,
    unseen_share: float,
    most: int,
    rng: np.random.Generator,
) -> CatalogueRows:
    """The targets, and ads drawn beside them until there are as many as in the ``mix``, or ``most`` (0: no limit):
    some that the history shows, in the shares of the mix, and in ``unseen_share`` others that are first seen in the
    events ``behind`` it, evenly.
    """
    classes = classify_ads(history, mix.rows)
    after = np.zeros(mix.rows, bool)
    after[history.sequences.item[behind]] = True
    chosen = np.unique(target)
    unseen = np.setdiff1d(np.flatnonzero(after & (classes == NEVER)), chosen)
    seen = np.setdiff1d(np.flatnonzero(classes != NEVER), chosen)
    total = min(most or mix.count, len(unseen) + len(seen) + len(chosen))
    # Unseen targets are among the candidates already, and count towards the share; so do seen ones in their class.
    fresh = round(total * unseen_share) - int((classes[chosen] == NEVER).sum())
    fresh = min(max(fresh, 0), len(unseen))
    rest = min(max(total - len(chosen) - fresh, 0), len(seen))
    have = np.bincount(classes[chosen][classes[chosen] != NEVER], minlength=CLASSES)
    wanted = np.maximum(mix.share * (rest + have.sum()) - have, 0.0)
    drawn = [chosen, rng.choice(unseen, fresh, replace=False), _draw_by_class(seen, classes[seen], wanted, rest, rng)]
    return CatalogueRows(rng.permutation(np.concatenate(drawn)).astype(np.int64))


def _draw_by_class(values: Int64s, classes: Int64s, wanted: Floats, count: int, rng: np.random.Generator) -> Int64s:
    """So many of the ``values``, of each class about as many as ``wanted``; where a class has fewer, more of the
    others, in proportion.
    """
    shuffled = rng.permutation(len(values))
    order = shuffled[np.argsort(classes[shuffled], kind="stable")]
    sizes = np.bincount(classes, minlength=CLASSES)
    rank = np.arange(len(values)) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # within its class
    with np.errstate(divide="ignore"):
        turn = (rank + 0.5) / wanted[classes[order]]  # below 1: wanted; inf: of a class that nobody wants
    return np.asarray(values[order[np.lexsort((rng.random(len(turn)), turn))[:count]]])
