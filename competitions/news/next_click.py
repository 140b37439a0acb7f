"""How likely an article is the next click of a session: its share of the clicks that went on, near in time.

A share is counted in nested windows around the query's time. Few clicks say little, so each window's share is pulled
towards that of the window around it, by as many clicks as a constant says; the widest one's towards a coarser share.
From coarse to fine: the clicks of all users, those that followed the very article that the user clicked last, those
that followed it and ended a session, or were of users of the same context. Beside them, how much more often users of
one context go on to the article.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats, lookup_rows
from common.features import rates
from common.features.windows import WindowCounts, count_events
from common.retrieval.lists import Int64s, Ints, pack_pairs
from competitions.news.split import GAP_MS, count_sessions

Windows = Sequence[tuple[float, float]]
EVER = 1e5  # hours
WINDOWS_HOURS: Windows = ((EVER, EVER), (6.0, 6.0), (1.0, 1.0))  # before and after the user's last visible click
CONTEXTS = ("device_group", "os", "region", "referrer")
LOCAL = ("region", "referrer")  # those that tell most of the hour
RARE = 3e-6  # the share that an article has before any click: one of 30,000 articles and more
ALL_CLICKS, STEPS, CONTEXT_STEPS = 20.0, 5.0, 10.0  # clicks that a coarser share counts as
# Of the steps from the last article: what readers of one context did, and what was done before and after, for itself.
STEP_CONTEXTS = ("device_group", "region", "referrer")
STEP_CONTEXT_HOURS: Windows = ((EVER, EVER), (3.0, 3.0))
STEP_HOURS = {
    "10min": (1 / 6, 1 / 6),
    "30min": (0.5, 0.5),
    "m1h": (1.0, 0.0),
    "p1h": (0.0, 1.0),
    "m6h": (6.0, 0.0),
    "p6h": (0.0, 6.0),
}


@dataclass(frozen=True)
class KeyedClicks:
    """Clicks by key in any window of time: ``keys`` (ascending) are numbered, and ``events`` counts by number."""

    keys: Int64s
    events: WindowCounts

    def count(self, keys: Int64s, times: Int64s, windows: Windows) -> NDArray[np.float32]:
        """Clicks of each key in windows around each time: (windows, keys)."""
        rows = lookup_rows(self.keys, keys)
        known = np.flatnonzero(rows >= 0)
        known = known[self.events.sort(rows[known], times[known])]
        counts = np.zeros((len(windows), len(keys)), np.float32)
        counts[:, known] = self.events.count(rows[known], times[known], windows)
        return counts


@dataclass(frozen=True)
class Counted:
    """Clicks of a group on an article, and all of the group, in nested windows, the widest first: (windows, rows)."""

    both: NDArray[np.float32]
    whole: NDArray[np.float32]

    def share(self, prior: Floats, strength: float | Floats, windows: slice = slice(None)) -> Floats:
        """The share in the last of the ``windows``, see ``shrink``."""
        return shrink(self.both[windows], self.whole[windows], prior, strength)


@dataclass(frozen=True)
class Shares:
    """Clicks of a group on an article (``both``), and all of the group (``whole``)."""

    both: KeyedClicks
    whole: KeyedClicks

    def count(
        self, groups: Int64s, times: Int64s, candidates: tuple[Int64s, Ints], windows: Windows = WINDOWS_HOURS
    ) -> Counted:
        """What a share of each of the ``candidates`` (query, article) is made of; ``groups`` and ``times`` of the
        queries.
        """
        rows, items = candidates
        counts = self.both.count(pack_pairs(groups[rows], items), times[rows], windows)
        return Counted(counts, self.whole.count(groups, times, windows)[:, rows])


@dataclass(frozen=True)
class ContextSteps:
    """Steps by the article that they came from and a context of the reader: ``groups`` (ascending) packs both, and
    ``shares`` is by their number.
    """

    groups: Int64s
    shares: Shares

    def count(
        self, groups: Int64s, times: Int64s, candidates: tuple[Int64s, Ints], known: Int64s, windows: Windows
    ) -> Counted:
        """What the shares are made of; ``groups`` of the queries, packed. Only the candidates ``known`` are looked up:
        those that somebody went on to from the article.
        """
        rows, items = candidates
        numbers = lookup_rows(self.groups, groups)
        near = self.shares.count(numbers, times, (rows[known], items[known]), windows)
        both = np.zeros((len(windows), len(rows)), np.float32)
        both[:, known] = near.both
        return Counted(both, self.shares.whole.count(numbers, times, windows)[:, rows])


@dataclass(frozen=True)
class NextClicks:
    """The clicks that went on with a session: by article, by context, by the click before them, and by both."""

    clicks: Shares
    contexts: Mapping[str, Shares]
    steps: Shares
    last_steps: Shares
    context_steps: Mapping[str, ContextSteps]


def shrink(
    counts: Iterable[NDArray[np.float32]],
    totals: Iterable[NDArray[np.float32]],
    prior: Floats,
    strength: float | Floats,
) -> Floats:
    """Shares of windows, the widest first, each pulled towards the one before it: that of the last window.

    >>> wide, narrow = (np.array([3.0], np.float32), np.array([2.0], np.float32))
    >>> of_wide, of_narrow = (np.array([10.0], np.float32), np.array([4.0], np.float32))
    >>> shrink([wide, narrow], [of_wide, of_narrow], np.array([0.3]), 5.0).tolist()  # (3 + 1.5) / 15, (2 + 1.5) / 9
    [0.3888888888888889]
    """
    share = prior
    for count, total in zip(counts, totals, strict=True):
        share = rates.shrink(count, total, share, strength)
    return share


def count_next_clicks(history: pl.DataFrame) -> NextClicks:
    """The tables of a history."""
    log = count_sessions(history).with_columns(before=pl.col("item").shift(1), ends=pl.col("time").diff() == GAP_MS)
    going = log.filter(pl.col("session_clicks") > 1)
    steps = going.filter(pl.col("before") != pl.col("item"))
    return NextClicks(
        clicks=_count_shares(going, pl.lit(0)),
        contexts={name: _count_shares(going, pl.col(name).fill_null(-1) + 1) for name in CONTEXTS},
        steps=_count_shares(steps, pl.col("before")),
        last_steps=_count_shares(steps.filter("ends"), pl.col("before")),
        context_steps={name: _count_context_steps(steps, name) for name in STEP_CONTEXTS},
    )


def _count_context_steps(steps: pl.DataFrame, context: str) -> ContextSteps:
    packed = pack_pairs(steps["before"].to_numpy(), number_context(steps[context].fill_null(-1).to_numpy()))
    groups, numbers = np.unique(packed, return_inverse=True)
    return ContextSteps(groups, _count_shares(steps.with_columns(group=pl.Series(numbers)), pl.col("group")))


def number_context(values: NDArray[np.integer]) -> Int64s:
    """The values of a context from 0 on, which is that of an unknown one (-1)."""
    return values.astype(np.int64) + 1


def _count_shares(clicks: pl.DataFrame, group: pl.Expr) -> Shares:
    owner, item, time = (clicks.select(group.cast(pl.Int64)).to_series(), clicks["item"], clicks["time"])
    pairs = pack_pairs(owner.to_numpy(), item.to_numpy())
    return Shares(_count_keys(pairs, time.to_numpy()), _count_keys(owner.to_numpy(), time.to_numpy()))


def _count_keys(keys: Int64s, times: Int64s) -> KeyedClicks:
    known, numbers = np.unique(keys, return_inverse=True)
    return KeyedClicks(known, count_events(numbers, times))
