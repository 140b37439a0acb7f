"""How the values of a raw column are distributed, the sides beside each other, and how far two sides differ."""

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.report import formatting as numbers
from common.time_units import DAY_MS

BINS, WHOLE_BINS = 30, 40  # bins of a histogram; values of a short range of whole numbers, which have one each
TOP = 10  # labels of their own
MOST_LABELS = 1_000  # different texts of a column whose most frequent ones are drawn
CLIPPED = 0.005  # of the values at either end are put into the outermost bins
MOST_VALUES = 5_000_000  # of a longer log values are taken evenly
SKEWED = 10.0  # times the median, beyond which the highest values ask for an axis of powers of ten
LEAST_DISTANCE = 0.1  # distance of two distributions, from which on it is worth a sentence
CRITICAL = 1.36  # of Kolmogorov and Smirnov: two samples of one distribution keep below it in 95 of 100 draws
DEPENDENT = 1.5  # times that, since the events of a user are alike


@dataclass(frozen=True)
class Picture:
    """By side the shares of its values: between ``edges``, or of each of the ``labels`` where there are no edges.

    ``sizes``: the number of values; ``medians``: of a histogram; ``unit``: of times, from which day they count;
    ``logarithmic``: the edges are powers of ten.
    """

    title: str
    shares: Mapping[str, Sequence[float]]
    sizes: Mapping[str, int]
    labels: Sequence[str] = ()
    edges: Sequence[float] = ()
    medians: Mapping[str, float] = field(default_factory=dict)
    unit: str = ""
    logarithmic: bool = False


def draw_column(title: str, sides: Mapping[str, pl.Series]) -> Picture | None:
    """The known values of a column: times (``Datetime("ms")``) by day; numbers as a histogram; texts and truth values
    by the most frequent ones. None where all are the same, and of texts of which nearly each is another.
    """
    known = {side: values.drop_nulls() for side, values in sides.items()}
    known = {side: values for side, values in known.items() if len(values)}
    kinds = {values.dtype.is_numeric() or values.dtype.is_temporal() for values in known.values()}
    if len(kinds) != 1 or any(values.dtype.is_nested() for values in known.values()):
        return None
    picture = _draw_numbers(title, known) if kinds == {True} else _draw_labels(title, known)
    constant = picture and len({*map(tuple, picture.shares.values())}) == 1 and 1 in next(iter(picture.shares.values()))
    return None if constant else picture


def _draw_numbers(title: str, sides: Mapping[str, pl.Series]) -> Picture | None:
    unit = ""
    if all(values.dtype == pl.Datetime("ms") for values in sides.values()):
        days = {side: values.to_physical() // DAY_MS for side, values in sides.items()}
        first = min(int(values.min()) for values in days.values())  # type: ignore[arg-type]
        sides = {side: values - first for side, values in days.items()}
        unit = f"days from {datetime.date(1970, 1, 1) + datetime.timedelta(days=first)}"
    known = {
        side: array[np.isfinite(array)]
        for side, values in sides.items()
        if len(array := values.gather_every(max(len(values) // MOST_VALUES, 1)).to_physical().cast(float).to_numpy())
    }
    known = {side: array for side, array in known.items() if len(array)}
    if not known:
        return None
    low, middle, high = (
        [float(np.quantile(array, share)) for array in known.values()] for share in (CLIPPED, 0.5, 1 - CLIPPED)
    )
    logarithmic = min(low) > 0 and max(high) > SKEWED * max(middle)
    whole = all(np.array_equal(array, np.floor(array)) for array in known.values())
    edges = _list_edges(min(low), max(high), whole, logarithmic)
    shares = {}
    for side, array in known.items():
        scaled = np.log10(np.maximum(array, min(low))) if logarithmic else array
        counts, _ = np.histogram(np.clip(scaled, edges[0], edges[-1]), edges)
        shares[side] = (counts / len(array)).tolist()
    return Picture(
        title,
        shares,
        {side: len(array) for side, array in known.items()},
        edges=edges.tolist(),
        medians=dict(zip(known, middle, strict=True)),
        unit=unit,
        logarithmic=logarithmic,
    )


def _list_edges(low: float, high: float, whole: bool, logarithmic: bool) -> Floats:
    """Edges from ``low`` to ``high``; ``whole`` numbers of a short range get a bin each."""
    if logarithmic and whole:  # between whole numbers, so that no bin of a small one is empty by its width
        return np.log10(np.unique(np.geomspace(np.floor(low), np.ceil(high) + 1, BINS + 1).round()) - 0.5)
    if whole and high - low < WHOLE_BINS:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    low, high = (np.log10(low), np.log10(high)) if logarithmic else (low, high)
    return np.linspace(low, high, BINS + 1) if low < high else np.array([low - 0.5, low + 0.5])


def _draw_labels(title: str, sides: Mapping[str, pl.Series]) -> Picture | None:
    """The most frequent values of either side come first; the rest is one."""
    share = {
        side: dict(values.cast(pl.String).value_counts(normalize=True).iter_rows()) for side, values in sides.items()
    }
    values = {value for own in share.values() for value in own}
    if len(values) > MOST_LABELS:
        return None
    order = sorted(values, key=lambda value: (-max(own.get(value, 0.0) for own in share.values()), value))[:TOP]
    columns = {side: [own.get(value, 0.0) for value in order] for side, own in share.items()}
    if others := len(values) - len(order):
        columns = {side: [*column, max(1 - sum(column), 0.0)] for side, column in columns.items()}
        order.append(f"{others:,} other{'s' * (others > 1)}")
    return Picture(title, columns, {side: len(values) for side, values in sides.items()}, order)


def measure_distance(picture: Picture) -> float:
    """How far the first two sides differ, 0 to 1; 0 where that is little, or chance on so few values.

    Between histograms it is the largest difference of their cumulated shares (Kolmogorov, Smirnov); between labels,
    which have no order, half the sum of all differences (total variation).
    """
    if len(picture.shares) < 2:
        return 0.0
    (one, one_size), (other, other_size) = [
        (picture.shares[side], picture.sizes[side]) for side in list(picture.shares)[:2]
    ]
    gap = np.asarray(other) - np.asarray(one)
    distance = np.abs(gap).sum() / 2 if picture.labels else np.abs(gap.cumsum()).max()
    chance = CRITICAL * math.sqrt(1 / one_size + 1 / other_size)
    return min(float(distance), 1.0) if distance >= max(LEAST_DISTANCE, DEPENDENT * chance) else 0.0


def describe_difference(picture: Picture) -> str:
    """In what the first two sides differ: the label whose share differs most, or their medians."""
    (one, before), (other, after) = list(picture.shares.items())[:2]
    if not picture.medians:
        at = int(np.abs(np.asarray(after) - np.asarray(before)).argmax())
        return f"{picture.labels[at]} is {numbers.share(before[at])} of {one}, {numbers.share(after[at])} of {other}."
    medians = [numbers.significant(picture.medians[side]) for side in (one, other)]
    return f"median {medians[1]} in {other}, {medians[0]} in {one}."
