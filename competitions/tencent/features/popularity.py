"""What is known of each ad at the time of a query: how often it is shown and clicked just then, its age, whether it
still runs, and how the ads do that share its values.

Files that show what others did behind a user's own end may be used, and a host's do: on real logs what others are shown
*now* is most of what can be known. So windows lie on both sides of the query's time. A user's own events count for no
ad that the user may be recommended: who has seen an ad is not recommended it. In the means by value they do count, in
training as in the test; the target is hidden in both.

Queries of about one time are answered together, at one moment (``Batch``): to describe the ads takes a third of a
second at the host's size, so that there is a moment for some hundreds or thousands of queries there, and one for a few
of a small log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.arrays import Floats
from common.features.rates import shrink
from common.time_units import HOUR_S
from competitions.tencent.corpus import Bools, Catalogue, CatalogueRows, Int32s, Int64s, number_rows
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories

EDGES_H = (1, 3, 8, 24, 72)  # hours: windows reach from the query's time to each of these, on either side
FLOOR = 0.3  # events, below one
SHRINK = 5.0  # ads that a value's mean is pulled to the mean by
LONG_H = 2_000.0  # hours from which on an age is one class
MOMENTS, FEWEST = 250, 32  # of a pass through the queries, at most; and of few queries, which are quicker side by side
BATCH = 32  # queries of a moment, or more where there would be too many moments
SPAN_S = 300  # between the first and the last query of a moment, or more likewise
EVENTS, CLICKS = "events", "clicks"  # what windows count
SIDES = ("before", "behind")
ALWAYS = f"{EVENTS} in all"  # a column, see ``describe``


class Window(NamedTuple):
    """What is counted (``EVENTS`` or ``CLICKS``), up to how many hours from a query's time, on which of ``SIDES``."""

    kind: str
    hours: int
    side: str

    @property
    def name(self) -> str:
        """Of its column."""
        return f"{self.kind} {self.hours} h {self.side}"


AROUND = tuple(Window(EVENTS, 24, side) for side in SIDES)  # what is popular at the query's time
POPULAR = (*(window.name for window in AROUND), ALWAYS)  # what counts evenly before weights are learned


class Batch(NamedTuple):
    """Queries of about one time, by their index, in order of time; the ``moment`` is the middle one's, in seconds."""

    moment: int
    rows: Int64s


def cut_batches(query_times: Int64s, most: int = MOMENTS) -> list[Batch]:
    """The queries in order of time, at most ``BATCH`` at a moment and within ``SPAN_S`` of each other; twice the time,
    and so on, until there are at most so many moments, and fewer than an eighth of the queries.

    >>> [(batch.moment, batch.rows.tolist()) for batch in cut_batches(np.array([900, 10, 20, 320]))]
    [(10, [1, 2]), (320, [3]), (900, [0])]
    >>> [batch.moment for batch in cut_batches(np.array([900, 10, 20, 320]), most=2)]
    [20, 900]
    """
    order = np.argsort(query_times, kind="stable")
    most = min(most, max(FEWEST, len(order) // 8))
    times, size, span = query_times[order], max(BATCH, -(-2 * len(order) // most)), SPAN_S
    while True:
        cuts = [0]
        while cuts[-1] < len(times) and len(cuts) <= most + 1:
            behind = int(np.searchsorted(times, times[cuts[-1]] + span, side="right"))
            cuts.append(min(behind, cuts[-1] + size))
        if len(cuts) <= most + 1:
            return [Batch(int(times[(low + high - 1) // 2]), order[low:high]) for low, high in pairwise(cuts)]
        span *= 2


@dataclass(frozen=True)
class AdLog:
    """The events of a log in order of time: ``time`` int64 seconds, ``item`` int32 rows of the catalogue, ``clicked``.

    Of the ads that are described, ``rows`` of the catalogue, ascending: ``first`` and ``last`` float64, the seconds of
    their first and last event, infinite for none; ``total`` by kind: how many they have. ``index`` [catalogue]: of a
    row among these, -1 for others. ``kinds``: what is counted in windows; none where times say nothing.
    """

    time: Int64s
    item: Int32s
    clicked: Bools
    rows: CatalogueRows
    index: Int32s
    first: Floats
    last: Floats
    total: dict[str, Floats]
    kinds: tuple[str, ...]

    def count_windows(self, moment: int) -> dict[Window, Floats]:
        """Events, and clicks, around a ``moment`` by the windows of ``EDGES_H``, float64 [rows] each."""
        here, counts = np.searchsorted(self.time, moment, "right"), dict[Window, Floats]()
        for sign, side in zip((-1, 1), SIDES, strict=True):
            edges = np.searchsorted(self.time, moment + sign * np.array(EDGES_H) * HOUR_S, "right")
            total = {kind: np.zeros(len(self.rows)) for kind in self.kinds}
            # What lies between two edges is counted once, and added up.
            for hours, ring in zip(EDGES_H, pairwise([here, *edges]), strict=True):
                for kind in self.kinds:
                    total[kind] = total[kind] + self.count(min(ring), max(ring), kind)
                    counts[Window(kind, hours, side)] = total[kind]
        return counts

    def count(self, low: int, high: int, kind: str = EVENTS) -> Floats:
        """The events, or clicks, from index ``low`` to ``high`` of each described ad, float64 [rows]."""
        events = self.item[low:high]
        chosen = events if kind == EVENTS else events[self.clicked[low:high]]
        return np.bincount(self.index[chosen] + 1, minlength=len(self.rows) + 1)[1:].astype(np.float64)

    def narrow(self, moment: int, most: int) -> "AdLog":
        """The same log that describes at most so many ads: those likeliest at a ``moment`` by their events within a day
        before and behind it, and in all. Not by fusion weights, which are learned among the ads of a pool and say
        nothing of those outside: at the host's size the pool that they choose holds a tenth of the targets, this one
        more than half.
        """
        if len(self.rows) <= most:
            return self
        counts = [self.total[EVENTS]]
        if self.kinds:
            low, here, high = np.searchsorted(self.time, moment + np.array([-24, 0, 24]) * HOUR_S, "right")
            counts += [self.count(low, here), self.count(here, high)]
        popular = np.sum(np.log(np.add(counts, FLOOR)), 0)
        chosen = np.sort(np.argpartition(-popular, most)[:most])
        rows = CatalogueRows(self.rows[chosen])
        return replace(
            self,
            rows=rows,
            index=number_rows(rows, len(self.index)),
            first=self.first[chosen],
            last=self.last[chosen],
            total={kind: total[chosen] for kind, total in self.total.items()},
        )

    def count_near(self, moment: int) -> tuple[Int64s, Floats]:
        """The rows of the catalogue with events within a day of a ``moment``, and how many."""
        low, high = np.searchsorted(self.time, [moment - 24 * HOUR_S, moment + 24 * HOUR_S])
        count = np.bincount(self.item[low:high])  # to sort ten million events takes a second, two hundred times
        rows = np.flatnonzero(count)
        return rows, count[rows].astype(np.float64)


def sort_log(history: Histories, candidates: CatalogueRows, kinds: Sequence[str]) -> AdLog:
    """The events of these histories: 13 bytes each; see ``AdLog``."""
    events = history.events()
    events = events[np.argsort(history.sequences.time[events], kind="stable")]
    time, item = history.sequences.time[events], history.sequences.item[events]
    clicked = history.sequences.action[events] >= schema.CLICK
    index = number_rows(candidates, int(max(item.max(initial=0), candidates.max(initial=0))) + 1)
    own = index[item]
    first, last = np.full(len(candidates) + 1, np.inf), np.full(len(candidates) + 1, -np.inf)
    first[own[::-1]], last[own] = time[::-1], time  # of an ad's events the last one that is set stays; others are -1
    log = AdLog(time, item, clicked, candidates, index, first[:-1], last[:-1], {}, tuple(kinds))
    return replace(log, total={kind: log.count(0, len(time), kind) for kind in (EVENTS, CLICKS)})


def describe(log: AdLog, catalogue: Catalogue, moment: int) -> dict[str, Floats]:
    """By name, a number an ad at a ``moment``: the logarithm of events and of clicks in windows before and behind it
    and in all; hours since its first event and to its last one; whether it has none; of each feature the mean events
    within a day of the ads that share its value. Where times say nothing, how many events it has in all.
    """
    if not log.kinds:
        return {ALWAYS: np.log1p(log.total[EVENTS])}
    columns = {window.name: np.log(count + FLOOR) for window, count in log.count_windows(moment).items()}
    columns |= {f"{kind} in all": np.log(log.total[kind] + FLOOR) for kind in log.kinds}
    known = log.total[EVENTS] > 0
    columns["age"] = np.where(known, squeeze((moment - log.first) / HOUR_S), 0.0)
    columns["runs on"] = np.where(known, squeeze((log.last - moment) / HOUR_S), 0.0)
    columns["unseen"] = (~known).astype(np.float64)
    alive, near = log.count_near(moment)
    for field in catalogue.fields:
        means = mean_by_value(field.codes[alive], near, field.codes[log.rows])
        columns[f"{field.name} within a day"] = np.log(means + FLOOR)
    return columns


def squeeze(hours: Floats) -> Floats:
    """Hours on a logarithmic scale that keeps their sign."""
    hours = np.clip(hours, -LONG_H, LONG_H)
    return np.asarray(np.sign(hours) * np.log1p(np.abs(hours)))


def mean_by_value(codes: npt.NDArray[np.int32], values: Floats, wanted: npt.NDArray[np.int32]) -> Floats:
    """The mean of ``values`` over the ads that have a code, for each ``wanted`` code; few ads are pulled to the mean.

    >>> mean_by_value(np.array([1, 1, 2]), np.array([9.0, 3.0, 0.0]), np.array([1, 2, 7])).round(2).tolist()
    [4.57, 3.33, 4.0]
    """
    mean = float(values.mean()) if len(values) else 0.0
    size = int(max(codes.max(initial=0), wanted.max(initial=0))) + 1
    ads, total = np.bincount(codes, minlength=size), np.bincount(codes, values, size)
    return np.asarray(shrink(total, ads, mean, SHRINK)[wanted])
