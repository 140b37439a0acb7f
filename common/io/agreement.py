"""Whether two files of raw data can be of one log: the quartiles of a column in a new file beside those in the old one.

Dates that are a year off, prices in another unit, a column that is blank: none stops the reading, and nobody sees them
in a score. Each competition names the quantities worth comparing (io/agreement.py); how they are compared is said here.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import polars as pl

from common.io.notes import Note
from common.time_units import DAY_MS

LARGEST_RATIO = 5.0  # of the quartiles: prices of one log fell to .74 in five months
SPANS = 2.0  # of the old file's dates, that the new file's may lie behind it
SLACK = 0.1  # of a span: of what chance moves
FEWEST = 30  # values on either side: fewer say nothing
MOST = 200_000  # values that quartiles are taken of
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)  # the quartiles, and the range of nine tenths of the values
CHECK = "used as it is; check that both files are whole, of one download and in one unit"


class Amounts(NamedTuple):
    """Numbers of one unit in an ``old`` and a ``new`` file, null where unknown: no unit is another where one of the
    quartiles is at most ``ratio`` times as much, and at least the inverse.
    """

    column: str
    old: pl.Series
    new: pl.Series
    ratio: float = LARGEST_RATIO

    def find_fault(self, old: Sequence[float], new: Sequence[float]) -> str:
        """What speaks against one unit, by the ``SHARES`` of both; nothing where nothing does."""
        if min(old[1], new[1]) <= 0:
            return ""
        times = [after / before for before, after in zip(old[1:4], new[1:4], strict=True)]
        far = min(times) > self.ratio or max(times) < 1 / self.ratio
        return f"{times[1]:,.3g} times as much" if far else ""

    def show(self, value: float) -> str:
        """A value in words."""
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


class Dates(NamedTuple):
    """Moments in ms in an ``old`` and a ``new`` file: the new ones are of the old ones' time, or up to ``SPANS``
    of it later, or ``later`` ms. ``within``: both are of the same things, whose medians differ by hardly more ms.
    """

    column: str
    old: pl.Series
    new: pl.Series
    later: float = 0.0
    within: float | None = None

    def find_fault(self, old: Sequence[float], new: Sequence[float]) -> str:
        """What speaks against one log, by the ``SHARES`` of both; nothing where nothing does."""
        span, shift = old[-1] - old[0], new[2] - old[2]
        slack = max(SLACK * span, DAY_MS)
        fits = old[0] - slack <= new[2] <= old[-1] + max(SPANS * span, self.later, slack)
        if self.within is not None:
            fits = abs(shift) <= max(SLACK * span, self.within)
        days = f"{abs(shift) / DAY_MS:,.0f} day{'s' if abs(shift) > 1.5 * DAY_MS else ''}"
        return "" if fits else f"{days} {'later' if shift > 0 else 'earlier'}"

    def show(self, value: float) -> str:
        """A value in words."""
        return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d}"


class Share(NamedTuple):
    """The ``rows`` of a file's ``total`` that are of a kind of which a whole file has few: a share of ``most``."""

    what: str
    rows: int
    total: int
    most: float


def compare(file: str, against: str, quantities: Iterable[Amounts | Dates]) -> Iterator[Note]:
    """A note for each quantity of ``file`` that disagrees with the same of the file ``against``.

    >>> old = pl.Series([10.0 * row for row in range(100)])
    >>> [note.what for note in compare("test.parquet", "train.parquet", [Amounts("totalPrice", old, 100 * old)])]
    ['totalPrice: quartiles 25,000 / 50,000 / 74,000 beside 250 / 500 / 740 in train.parquet: 100 times as much']
    """
    for quantity in quantities:
        old, new = (_sample(values) for values in (quantity.old, quantity.new))
        if min(old.count(), len(new)) < FEWEST:
            continue
        if new.count() < SLACK * len(new) and old.count() > SLACK * len(old):
            yield Note(file, f"{quantity.column} blank, not so in {against}", quantity.new.null_count(), CHECK)
            continue
        spreads = [[float(side.quantile(share) or 0.0) for share in SHARES] for side in (old, new)]
        if new.n_unique() == 1 < old.n_unique():
            fault = "all of one value"
        elif not (fault := quantity.find_fault(*spreads)):
            continue
        before, after = (" / ".join(map(quantity.show, spread[1:4])) for spread in spreads)
        what = f"{quantity.column}: quartiles {after} beside {before} in {against}: {fault}"
        yield Note(file, what, len(quantity.new), CHECK)


def note_shares(file: str, shares: Iterable[Share]) -> Iterator[Note]:
    """A note for each kind that more rows of a file are of than is usual.

    >>> next(note_shares("train.parquet", [Share("departure before the search", 70, 100, 0.05)])).what
    'departure before the search in 70% of 100 rows'
    """
    for what, rows, total, most in shares:
        if total >= FEWEST and rows > most * total:
            yield Note(file, f"{what} in {rows / total:.0%} of {total:,} rows", rows, CHECK)


def _sample(values: pl.Series) -> pl.Series:
    """Evenly so many of the values, as floats."""
    return values.gather_every(max(len(values) // MOST, 1)).cast(pl.Float64).fill_nan(None)
