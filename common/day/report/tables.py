"""Tables of values, as columns that the templates lay out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.day.report.formatting import column

SHORT = 16  # letters that stay on one line


@dataclass(frozen=True)
class TableColumn:
    """One column: its texts, whether they are numbers, and how strongly each cell is tinted (0 to 1, None: not)."""

    name: str
    texts: Sequence[str]
    numeric: bool = False
    tints: Sequence[float | None] = ()

    @property
    def css(self) -> str | None:
        """The class of its cells: numbers stand to the right, short texts stay on one line."""
        return "right" if self.numeric else "short" if max(map(len, self.texts)) <= SHORT else None


def make_table(rows: Sequence[Mapping[str, Any]]) -> list[TableColumn]:
    """One column a key, the numbers of one with equal decimals; none where there is no row."""
    columns = []
    for key in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(key) for row in rows]
        known = [value for value in values if value is not None]
        numeric = bool(known) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in known)
        columns.append(TableColumn(key, column(values), numeric))
    return columns
