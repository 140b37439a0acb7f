"""What a sentence of a page says of two figures, in a mark beside it, and whether the figures say so.

<!-- says: news covisits > item-cf on Globo; mgtv din x 2.7 wide-and-deep in seconds on simulated -->

Two rungs of a ladder, their column (the score where none is named), and the data as a table of the page names them; or two
rows of another table, named by their first cells, and the key of the table.

    a > b          a is higher by more than two errors of the difference; a chain a > b > c says so of neighbours
    a = b          the two lie within two errors
    a x 2.7 b      a is 2.7 times b
    a - .0013 b    a is .0013 less than b, a + .0013 b: more

The last two hold in the digits that are written. The error is that of the paired difference where the table has it.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from common.day.stamp import Figure
from common.engine.errors import UserError
from tests.benches.figures.learning import REAL, SIMULATED

MARK = re.compile(r"<!-- says: ([^\n]+?) -->")
SIGN = re.compile(r"\s+(>|=|x \d*\.?\d+|[+-] \d*\.\d+)\s+")
STATEMENT = re.compile(r"(?P<name>\w+) (?P<chain>.+?)(?: in (?P<column>.+?))? on (?P<data>.+)")
PAIRED = re.compile("gain|minus")  # in the head of a column of paired differences
ROUNDED = 1.01e-4  # how far two differences of numbers with four digits may lie apart that are one

Figures = Mapping[str, Mapping[str, Figure]]  # by competition, then by the key of a table


class Cell(NamedTuple):
    """A number and its standard error, 0 where the table has none."""

    value: float
    error: float


def list_claims(page: str) -> list[str]:
    """The statements of a page's marks.

    >>> list_claims("ALS is behind. <!-- says: news covisits > als on Globo; tencent als > counts on Beauty -->")
    ['news covisits > als on Globo', 'tencent als > counts on Beauty']
    """
    return [each.strip() for mark in MARK.findall(page) for each in mark.split(";")]


def list_false(claim: str, figures: Figures) -> Iterator[str]:
    """What of a statement is not so, with the cells; ``UserError`` where no table has them."""
    said = STATEMENT.fullmatch(claim)
    if said is None:
        raise UserError(f"The mark {claim!r} is not of the form NAME A > B in COLUMN on DATA.")
    folders = {label.partition(",")[0]: folder for folder, label in REAL.get(said["name"], {}).items()}
    folders["simulated"] = f"simulated/{SIMULATED.get(said['name'])}"
    key = f"ladder {folders[said['data']]}" if said["data"] in folders else said["data"]
    table, column = figures.get(said["name"], {}).get(key), said["column"] or "score"
    rows = {next(iter(row.values())): row for row in table.rows} if table else {}
    names = SIGN.split(said["chain"])
    lacking = [name for name in names[::2] if column not in rows.get(name, {})]
    if lacking or len(names) < 3:
        raise UserError(f"The mark {claim!r} names no cells: {said['name']}'s {key!r} has no {lacking} with {column!r}.")
    for one, sign, other in zip(names[::2], names[1::2], names[2::2], strict=False):
        if not holds(sign, rows[one], rows[other], column):
            yield f"{claim}: {one} {rows[one][column]}, {other} {rows[other][column]}"


def holds(sign: str, one: Mapping[str, str], other: Mapping[str, str], column: str) -> bool:
    """Whether the relation is true of two rows.

    >>> one, other = {"score": ".30 ± .03", "gain": "+.10 ± .01"}, {"score": ".20 ± .05"}
    >>> holds(">", one, other, "score"), holds("=", one, other, "score"), holds("x 1.5", one, other, "score")
    (True, False, True)
    """
    first, second = read_cell(one[column]), read_cell(other[column])
    if sign[0] in "x+-":
        number = sign[1:].strip()
        found = first.value / second.value if sign[0] == "x" else abs(first.value - second.value)
        turned = sign[0] != "x" and (first.value < second.value) != (sign[0] == "-") and float(number) > 0
        return not turned and round(found, len(number.partition(".")[2])) == float(number)
    apart = first.value - second.value
    alone = (first.error**2 + second.error**2) ** 0.5
    error = find_paired(apart, one, other, alone) if alone else 0.0  # other columns have no difference beside them
    return apart > 2 * error if sign == ">" else abs(apart) <= 2 * error


def find_paired(apart: float, one: Mapping[str, str], other: Mapping[str, str], alone: float) -> float:
    """The error of a difference between two rows: of the cell in one of them that has this very difference, or that of
    two methods which were measured ``alone``.
    """
    texts = (text for head, text in [*one.items(), *other.items()] if PAIRED.search(head) and "±" in text)
    known = {abs(cell.value): cell.error for cell in map(read_cell, texts)}
    return next((error for value, error in known.items() if abs(value - abs(apart)) < ROUNDED), alone)


def read_cell(text: str) -> Cell:
    """A cell of a table.

    >>> read_cell("−.0013 ± .0009"), read_cell("5,925")
    (Cell(value=-0.0013, error=0.0009), Cell(value=5925.0, error=0.0))
    """
    value, _, error = text.replace("\N{MINUS SIGN}", "-").replace(",", "").partition(" ± ")
    return Cell(float(value), float(error or 0))
