"""Whether two parts of a log can be of one log: a column of the new part beside the same of the old one.

Dates that are a year off, prices in another unit, a column that is blank: none stops the reading, and nobody sees them
in a score. Each competition names the columns worth comparing (io/agreement.py); how they are compared is said here: by
the medians. The distance of two distributions (``common.day.look``) is 1 for every test that lies behind its log, by a
month or by ten years, and nearly the same for prices of ten times as much and of a hundred times.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from common.io.notes import Note
from common.time_units import DAY_MS

LATER = 300.0  # days behind the old dates: a test follows its log within the year
SLACK = 0.1  # of the span of the old dates, before them; of the values, that are hardly any
LARGEST_RATIO = 20.0  # of the medians: prices of one log fell to .74 in five months
FEWEST = 30  # values on either side: fewer say nothing
MOST = 200_000  # values that a median is taken of
CHECK = "used as it is; check that both files are whole, of one download and in one unit"
Sides = tuple[pl.Series, pl.Series]  # the old values and the new ones: dates (``Datetime("ms")``) or numbers


def compare(file: str, against: str, columns: Mapping[str, Sides]) -> Iterator[Note]:
    """A note for each column of ``file`` that cannot be of one log with the same of the file ``against``.

    >>> old = pl.Series([10.0 * row for row in range(100)])
    >>> [note.what for note in compare("test.parquet", "train.parquet", {"totalPrice": (old, 100 * old)})]
    ['totalPrice: 100 times as much as in train.parquet']
    """
    for name, sides in columns.items():
        old, new = (side.gather_every(max(len(side) // MOST, 1)) for side in sides)
        if min(old.count(), len(new)) >= FEWEST and (fault := find_fault(old, new)):
            yield Note(file, f"{name}: {fault} in {against}", len(sides[1]), CHECK)


def find_fault(old: pl.Series, new: pl.Series) -> str:
    """What speaks against one log; nothing where nothing does."""
    if new.count() < SLACK * len(new) and old.count() > SLACK * len(old):
        return "blank, not so"
    if new.n_unique() == 1 < old.n_unique():
        return "all of one value, not so"
    first, before, last = (_quantile(old, share) for share in (0.05, 0.5, 0.95))
    after = _quantile(new, 0.5)
    if old.dtype == pl.Datetime("ms"):
        slack = max(SLACK * (last - first), DAY_MS)
        days = f"{abs(after - before) / DAY_MS:,.0f} days {'later' if after > before else 'earlier'} than"
        return "" if first - slack <= after <= last + LATER * DAY_MS else days
    is_unit = min(before, after) <= 0 or 1 / LARGEST_RATIO <= after / before <= LARGEST_RATIO
    return "" if is_unit else f"{after / before:,.3g} times as much as"


def _quantile(values: pl.Series, share: float) -> float:
    return float(values.to_physical().cast(pl.Float64).fill_nan(None).quantile(share) or 0.0)
