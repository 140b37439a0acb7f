"""What is known of each ad at the time of a query: how often it is shown and clicked just then, its age, whether it
still runs, and how the ads do that share its values.

Files that show what others did behind a user's own end may be used, and a host's do: on real logs what others are shown
*now* is most of what can be known. So windows lie on both sides of the query's time. A user's own events count for no
ad that the user may be recommended: who has seen an ad is not recommended it. In the means by value they do count, in
training as in the test; the target is hidden in both.

Queries of about one time share a slot, so that the numbers of all ads and slots stay in memory. Of many candidates only
a pool is searched (``Pools``): other ads run at other times, so that each group of query times has its own.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.arrays import Floats, Singles
from common.features.rates import shrink
from common.time_units import HOUR_S
from competitions.tencent.corpus import Catalogue, CatalogueRows, Halves, Int64s, number_rows
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold

EDGES_H = (1, 3, 8, 24, 72)  # hours: windows reach from the query's time to each of these, on either side
FLOOR = 0.3  # events, below one
SHRINK = 5.0  # ads that a value's mean is pulled to the mean by
MOST_SLOTS, FEWEST_SLOTS = 128, 32  # of a group
ALL_SLOTS = 300  # of all groups: to describe the ads at one takes a third of a second at the host's size
CELLS = 5_000_000  # slots x ads
GROUPS = 6  # of query times, where not all candidates are searched
GROUP_SLOTS = 8  # of a group, at which its pool is chosen
GROUP_QUERIES = 125_000  # at most: what a group's queries are answered with is a step
LONG_H = 2_000.0  # hours from which on an age is one class
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


@dataclass(frozen=True)
class Slots:
    """Classes of query times, about as many queries each: class s begins at ``edges[s - 1]``; ``times`` int64 [slots]
    is the middle query's, in seconds; ``queries`` int64 [slots]: how many there are.
    """

    edges: Int64s
    times: Int64s
    queries: Int64s

    def find(self, query_times: Int64s) -> Int64s:
        """The slot of each query."""
        return np.searchsorted(self.edges, query_times, side="right")


def make_slots(query_times: Int64s, most: int) -> Slots:
    """At most so many quantiles of these times; one, at 0, of no query.

    >>> slots = make_slots(np.array([10, 10, 20, 90]), most=128)
    >>> slots.times.tolist(), slots.queries.tolist(), slots.find(np.array([5, 15, 100])).tolist()
    ([10, 20, 90], [2, 1, 1], [0, 0, 2])
    """
    ordered = np.sort(query_times) if len(query_times) else np.zeros(1, np.int64)
    count = min(most, len(ordered))
    edges = np.unique(ordered[np.arange(1, count) * len(ordered) // count])
    edges = edges[edges > ordered[0]]
    begins = np.concatenate([[0], np.searchsorted(ordered, edges), [len(ordered)]])
    return Slots(edges, ordered[(begins[:-1] + begins[1:] - 1) // 2], np.diff(begins))


def count_slots(ads: int, groups: int = 1) -> int:
    """How many slots each of so many groups has, whose numbers of so many ads stay in memory.

    >>> count_slots(50_000), count_slots(50_000, groups=6)
    (100, 50)
    """
    return int(np.clip(min(CELLS // max(ads, 1), ALL_SLOTS // groups), FEWEST_SLOTS, MOST_SLOTS))


@dataclass(frozen=True)
class Pools:
    """Groups of query times, and what is searched in each: group g begins at ``edges[g - 1]``; ``rows``: its
    candidates, rows of the catalogue, ascending.
    """

    edges: Int64s
    rows: tuple[CatalogueRows, ...]

    def split(self, query_times: Int64s) -> list[Int64s]:
        """The queries of each group, by their index.

        >>> pools = Pools(np.array([20]), (CatalogueRows(np.array([1, 2])), CatalogueRows(np.array([2, 3]))))
        >>> [queries.tolist() for queries in pools.split(np.array([25, 10, 20]))]
        [[1], [0, 2]]
        """
        group = np.searchsorted(self.edges, query_times, side="right")
        return [np.flatnonzero(group == at) for at in range(len(self.rows))]

    def pair(self, query_times: Int64s) -> list[tuple[Int64s, CatalogueRows]]:
        """The queries of each group with its candidates."""
        return list(zip(self.split(query_times), self.rows, strict=True))

    def count_inside(self, query_times: Int64s, target: Int64s) -> int:
        """How many queries have their ``target``, a row of the catalogue, in the pool of their group."""
        return sum(int(np.isin(target[own], pool).sum()) for own, pool in self.pair(query_times))


@dataclass(frozen=True)
class Popularity:
    """``table`` float16 [slots, ads, len(names)]: of the ads of a group's ``pool``, rows of the catalogue, ascending,
    at the time of each slot, see ``describe``.
    """

    slots: Slots
    pool: CatalogueRows
    names: tuple[str, ...]
    table: Halves

    def of(self, query_times: Int64s, item: CatalogueRows) -> Singles:
        """Of these ads of the pool [queries, any] at the times of the queries, float32 [queries, any, names]."""
        slots, ads = self.slots.find(query_times)[:, None], np.searchsorted(self.pool, item)
        return np.asarray(self.table[slots, ads], np.float32)

    def add_up(self, weights: dict[str, float]) -> Singles:
        """The columns times their weights, 0 for one without, float32 [slots, ads]."""
        own = np.array([weights.get(name, 0.0) for name in self.names], np.float32)
        return np.stack([np.asarray(part, np.float32) @ own for part in self.table])


class AdLog:
    """The events of a log in order of time, as windows around any moment take them: of the ads in ``rows``, and of all.

    ``first``, ``last``: the seconds of the first and the last event of each of the ``rows``.
    """

    def __init__(
        self, history: Histories, catalogue: Catalogue, rows: CatalogueRows, kinds: Sequence[str] = (EVENTS,)
    ) -> None:
        """Sort them: 13 bytes an event. ``kinds``: what is counted, some of ``EVENTS`` and ``CLICKS``."""
        events = history.events()
        events = events[np.argsort(history.sequences.time[events], kind="stable")]
        self.all_time, self.all_item = history.sequences.time[events], history.sequences.item[events]
        self.all_clicked = history.sequences.action[events] >= schema.CLICK
        self.fields, self.kinds = catalogue.fields, tuple(kinds)
        self._take(rows)

    def of(self, rows: CatalogueRows) -> "AdLog":
        """The same of other ads, which are not sorted again."""
        other = copy.copy(self)
        other._take(rows)
        return other

    def _take(self, rows: CatalogueRows) -> None:
        size = int(max(self.all_item.max(initial=0), rows.max(initial=0))) + 1
        self.rows, index = rows, number_rows(rows, size)[self.all_item]
        own = index >= 0
        clicked, index, time = self.all_clicked[own], index[own], self.all_time[own]
        both = {EVENTS: (time, index), CLICKS: (time[clicked], index[clicked])}
        self.log = {kind: both[kind] for kind in self.kinds}
        self.first, self.last = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
        np.minimum.at(self.first, index, time)
        np.maximum.at(self.last, index, time)
        counts = {kind: np.bincount(each, minlength=len(rows)) for kind, (_, each) in both.items()}
        self.total = {kind: count.astype(np.float64) for kind, count in counts.items()}

    def count_windows(self, moment: int, kind: str) -> dict[Window, Floats]:
        """Events or clicks around a ``moment`` by the windows of ``EDGES_H``, float64 [ads] each."""
        time, index = self.log[kind]
        here, counts = np.searchsorted(time, moment, side="right"), dict[Window, Floats]()
        for sign, side in zip((-1, 1), SIDES, strict=True):
            edges = np.append(here, np.searchsorted(time, moment + sign * np.array(EDGES_H) * HOUR_S, side="right"))
            # Rings between two edges are counted once each, and added up.
            rings = [np.bincount(index[min(pair) : max(pair)], minlength=len(self.rows)) for pair in pairwise(edges)]
            for hours, count in zip(EDGES_H, np.cumsum(rings, 0).astype(float), strict=True):
                counts[Window(kind, hours, side)] = count
        return counts

    def count_near(self, moment: int) -> tuple[Int64s, Floats]:
        """The rows of the catalogue with events within a day of a ``moment``, and how many."""
        low, high = np.searchsorted(self.all_time, [moment - 24 * HOUR_S, moment + 24 * HOUR_S])
        count = np.bincount(self.all_item[low:high])  # to sort ten million events takes a second, two hundred times
        rows = np.flatnonzero(count)
        return rows, count[rows].astype(np.float64)


def choose_pools(
    history: Histories, catalogue: Catalogue, fold: Fold, most: int, weights: dict[str, float], kinds: Sequence[str]
) -> Pools:
    """At most so many candidates for each group of query times: those that what is popular makes the likeliest targets.

    By the fusion ``weights`` of the columns of popularity an ad's chance at a moment is the softmax of their sum. Where
    none of them has a weight, or times say nothing (no ``kinds``), those of most events.
    """
    rows, queries = fold.candidates, len(fold.query_times)
    groups = max(GROUPS if len(rows) > most else 1, -(-queries // GROUP_QUERIES))
    slots = make_slots(fold.query_times, groups)
    if len(rows) <= most:
        return Pools(slots.edges, (rows,) * len(slots.times))
    log, chosen = AdLog(history, catalogue, rows, kinds or (EVENTS,)), []
    for own in np.split(np.sort(fold.query_times), np.cumsum(slots.queries)[:-1]):
        chance = np.zeros(len(rows))
        within = make_slots(own, GROUP_SLOTS)
        for moment, count in zip(within.times, within.queries, strict=True):
            columns = describe(log, int(moment))
            used = {name: weights[name] for name in columns if kinds and name in weights} or {ALWAYS: 1.0}
            utility = np.sum([weight * columns[name] for name, weight in used.items()], 0)
            share = np.exp(utility - utility.max())
            chance += count * share / share.sum()
        chosen.append(CatalogueRows(rows[np.sort(np.argpartition(-chance, most)[:most])]))
    return Pools(slots.edges, tuple(chosen))


def measure_popularity(
    history: Histories, catalogue: Catalogue, fold: Fold, pools: Pools, kinds: Sequence[str]
) -> list[Popularity]:
    """Of each group of queries the columns of its pool at their times. ``kinds``: what is counted in windows, none
    where times say nothing: then only how many events an ad has.
    """
    log, groups = AdLog(history, catalogue, pools.rows[0], kinds), []
    for own, pool in pools.pair(fold.query_times):
        most = count_slots(len(pool), len(pools.rows)) if kinds else 1
        ads, slots = log.of(pool), make_slots(fold.query_times[own], most)
        counted = {ALWAYS: np.log1p(ads.total[EVENTS])}
        described = [describe(ads, int(moment)) if kinds else counted for moment in slots.times]
        table = np.stack([np.column_stack([*columns.values()]).astype(np.float16) for columns in described])
        groups.append(Popularity(slots, pool, tuple(described[0]), table))
    return groups


def describe(log: AdLog, moment: int) -> dict[str, Floats]:
    """By name, a number an ad at a ``moment``: the logarithm of events and of clicks in windows before and behind it
    and in all; hours since its first event and to its last one; whether it has none; of each feature the mean events
    within a day of the ads that share its value.
    """
    columns: dict[str, Floats] = {}
    for kind in log.kinds:
        columns |= {window.name: np.log(count + FLOOR) for window, count in log.count_windows(moment, kind).items()}
        columns[f"{kind} in all"] = np.log(log.total[kind] + FLOOR)
    known = log.total[EVENTS] > 0
    columns["age"] = np.where(known, squeeze((moment - log.first) / HOUR_S), 0.0)
    columns["runs on"] = np.where(known, squeeze((log.last - moment) / HOUR_S), 0.0)
    columns["unseen"] = (~known).astype(np.float64)
    alive, near = log.count_near(moment)
    for field in log.fields:
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
