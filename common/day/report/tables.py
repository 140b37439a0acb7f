"""Tables of values, as columns that the templates lay out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.day.report.formatting import column, is_number

TINT_FROM_ROWS = 3
SHORT = 16  # letters that stay on one line


@dataclass(frozen=True)
class TableColumn:
    """One column: its texts, whether they are numbers, and how strongly each cell is tinted (0 to 1, None: not)."""

    name: str
    texts: Sequence[str]
    numeric: bool
    tints: Sequence[float | None]

    @property
    def css(self) -> str | None:
        """The class of its cells: numbers stand to the right, short texts stay on one line."""
        return "right" if self.numeric else "short" if max(map(len, self.texts)) <= SHORT else None


def make_table(rows: Sequence[Mapping[str, Any]], *, tints: bool = True) -> list[TableColumn]:
    """One column a key; none where there is no row.

    A column of numbers has equal decimals; with ``tints``, one of shares, all from 0 to 1, is tinted behind each, the
    strongest behind the column's highest; errors are not.
    """
    columns = []
    for key in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(key) for row in rows]
        known = [value for value in values if value is not None]
        numeric = bool(known) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in known)
        highest = _find_highest(values) if tints and numeric and not key.endswith("error") else None
        strengths = [value / highest if highest and is_number(value) else None for value in values]
        columns.append(TableColumn(key, column(values), numeric, strengths))
    return columns


def _find_highest(values: Sequence[Any]) -> float | None:
    numbers = [float(value) for value in values if is_number(value)]
    shares = len(numbers) >= TINT_FROM_ROWS and all(0 <= number <= 1 for number in numbers)
    return max(numbers) if shares and max(numbers) > min(numbers) else None
