"""Distributions of raw data, train beside test, as numbers that a page can draw."""

import datetime
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from common.time_units import DAY_MS

BINS, WHOLE_BINS, DAYS = 30, 40, 60
TOP = 10  # labels of their own
CLIPPED = 0.005  # of the values at either end are put into the outermost bins
MOST_VALUES = 5_000_000  # of a longer log values are taken evenly
TIMELINE = "days from"  # how the unit of a timeline begins
Columns = Mapping[str, ArrayLike]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """Shares of each side's values between ``edges``; ``logarithmic``: the edges are powers of ten.

    ``medians`` and ``sizes``, the number of values: of each side.
    """

    title: str
    unit: str
    edges: Sequence[float]
    shares: Mapping[str, Sequence[float]]
    medians: Mapping[str, float]
    sizes: Mapping[str, int]
    logarithmic: bool = False


@dataclass(frozen=True)
class Shares:
    """The share of each label on each side, of so many values (``sizes``)."""

    title: str
    labels: Sequence[str]
    shares: Mapping[str, Sequence[float]]
    sizes: Mapping[str, int]


Picture = Histogram | Shares


def histogram(title: str, unit: str, sides: Columns, *, logarithmic: bool = False) -> Histogram | None:
    """A histogram on common edges; None where no side has a value. Whole numbers of a short range get a bin each."""
    known = _find_known(sides, logarithmic)
    return _bin(title, unit, known, _find_edges(list(known.values()), logarithmic), logarithmic) if known else None


def timeline(title: str, sides: Columns) -> Histogram | None:
    """When events happened: ``sides`` in ms since 1970; a bin a day, or one of equal parts of a long log."""
    known = _find_known(sides)
    if not known:
        return None
    first = min(float(values.min()) for values in known.values()) // DAY_MS
    last = max(float(values.max()) for values in known.values()) // DAY_MS + 1
    edges = np.linspace(0, last - first, min(int(last - first), DAYS) + 1)
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=int(first))
    days = {side: values / DAY_MS - first for side, values in known.items()}
    return _bin(title, f"{TIMELINE} {day}", days, edges, False)


def _find_known(sides: Columns, positive: bool = False) -> dict[str, Values]:
    """The finite values, or the positive ones, of every side that has any."""
    known = {}
    for side, values in sides.items():
        every = np.asarray(values)
        array = every[:: max(len(every) // MOST_VALUES, 1)].astype(np.float64)
        array = array[np.isfinite(array) & ((array > 0) | (not positive))]
        if len(array):
            known[side] = array
    return known


def _find_edges(sides: Sequence[Values], logarithmic: bool) -> Values:
    """Edges, as powers of ten where they are ``logarithmic``, that hold nearly all values of every side."""
    low = min(float(np.quantile(values, CLIPPED)) for values in sides)
    high = max(float(np.quantile(values, 1 - CLIPPED)) for values in sides)
    whole = all(np.array_equal(values, np.floor(values)) for values in sides)
    if logarithmic and whole:  # between whole numbers, so that no bin of a small one is empty by its width
        return np.log10(np.unique(np.geomspace(np.floor(low), np.ceil(high) + 1, BINS + 1).round()) - 0.5)
    if whole and high - low < WHOLE_BINS:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    low, high = (np.log10(low), np.log10(high)) if logarithmic else (low, high)
    return np.linspace(low, high, BINS + 1) if low < high else np.linspace(low - 0.5, high + 0.5, BINS + 1)


def _bin(title: str, unit: str, sides: Mapping[str, Values], edges: Values, logarithmic: bool) -> Histogram:
    """The shares of each side between the edges, what lies outside in the outermost bins."""
    shares = {}
    for side, values in sides.items():
        scaled = np.log10(values) if logarithmic else values
        counts, _ = np.histogram(np.clip(scaled, edges[0], edges[-1]), edges)
        shares[side] = (counts / len(values)).tolist()
    medians = {side: float(np.median(values)) for side, values in sides.items()}
    return Histogram(title, unit, edges.tolist(), shares, medians, _count(sides), logarithmic)


def is_constant(picture: Picture) -> bool:
    """Whether all sides have one and the same value: nothing to draw."""
    return len({int(np.argmax(of)) for of in picture.shares.values()}) == 1 and all(
        max(of) == 1 for of in picture.shares.values()
    )


def _count(sides: Mapping[str, Sized]) -> dict[str, int]:
    return {side: len(values) for side, values in sides.items()}


def share_values(
    title: str,
    sides: Mapping[str, pl.Series],
) -> Shares | None:
    """The shares of the most frequent values of all sides together, missing among them; the rest as one."""
    known = {side: values for side, values in sides.items() if len(values)}
    if not known:
        return None
    counts = {side: dict(values.value_counts().iter_rows()) for side, values in known.items()}
    share = {side: {value: n / len(known[side]) for value, n in own.items()} for side, own in counts.items()}
    values = {value for own in share.values() for value in own}
    order = sorted(values, key=lambda value: (-max(own.get(value, 0.0) for own in share.values()), str(value)))[:TOP]
    labels = ["missing" if value is None else str(value) for value in order]
    columns = {side: [own.get(value, 0.0) for value in order] for side, own in share.items()}
    if len(values) > len(order):
        others = len(values) - len(order)
        labels.append(f"{others:,} other{'s' * (others > 1)}")
        columns = {side: [*column, max(1 - sum(column), 0.0)] for side, column in columns.items()}
    return Shares(title, labels, columns, _count(known))
