"""What a sentence of a page says of two figures, in a mark beside it, and whether the figures say so.

<!-- says: news covisits > item-cf on Globo; mgtv din x 2.7 wide-and-deep in seconds on simulated -->

Two rungs, their column (the score where none is named), and the data as the pages' tables name them; or two rows of
another table, by their first cells, and the key of the table.

    a > b          a is higher by more than two errors of the difference; a > b > c says so of neighbours
    a = b          the two lie within two errors
    a x 2.7 b      a is 2.7 times b, in the digits that are written
    a - .0013 b    a is .0013 less than b, a + .0013 b: more

The error is that of the paired difference where the table has it; a column without errors is compared as it stands.
"""

import re
from collections.abc import Iterator, Mapping
from math import hypot

from common.day.stamp import Figure
from common.engine.errors import UserError
from tests.benches.figures.learning import REAL, SIMULATED

MARK = re.compile(r"<!-- says: ([^\n]+?) -->")
STATEMENT = re.compile(r"(?P<name>\w+) (?P<chain>.+?)(?: in (?P<column>.+?))? on (?P<data>.+)")
SIGN = re.compile(r"\s+(>|=|x [\d.]+|[+-] [\d.]+)\s+")
PAIRED = re.compile("gain|minus")  # in the head of a column of paired differences
ROUNDED = 1.01e-4  # how far two differences of numbers with four digits may lie apart that are one

Row = Mapping[str, str]


def list_claims(page: str) -> list[str]:
    """The statements of a page's marks.

    >>> list_claims("ALS is behind. <!-- says: news covisits > als on Globo; tencent als > counts on Beauty -->")
    ['news covisits > als on Globo', 'tencent als > counts on Beauty']
    """
    return [each.strip() for mark in MARK.findall(page) for each in mark.split(";")]


def list_false(claim: str, figures: Mapping[str, Mapping[str, Figure]]) -> Iterator[str]:
    """What of a statement is not so, with the cells; ``UserError`` where no table has them.

    ``figures``: by competition, then by the key of a table.
    """
    said = STATEMENT.fullmatch(claim)
    if said is None:
        raise UserError(f"The mark {claim!r} is not of the form NAME A > B in COLUMN on DATA.")
    name, column = said["name"], said["column"] or "score"
    folders = {label.partition(",")[0]: folder for folder, label in REAL[name].items()}
    folders["simulated"] = f"simulated/{SIMULATED[name]}"
    key = f"ladder {folders[said['data']]}" if said["data"] in folders else said["data"]
    table = figures[name].get(key)
    rows = {next(iter(row.values())): row for row in table.rows} if table else {}
    parts = SIGN.split(said["chain"])
    if lacking := [one for one in parts[::2] if column not in rows.get(one, {})]:
        raise UserError(f"The mark {claim!r} names no cells: {name}'s table {key!r} has no {lacking} with {column!r}.")
    for one, sign, other in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
        if not holds(sign, rows[one], rows[other], column):
            yield f"{claim}: {one} {rows[one][column]}, {other} {rows[other][column]}"


def holds(sign: str, one: Row, other: Row, column: str) -> bool:
    """Whether the relation is true of two rows.

    >>> one, other = {"score": ".30 ± .03", "gain": "+.10 ± .01"}, {"score": ".20 ± .05"}
    >>> [holds(sign, one, other, "score") for sign in (">", "=", "x 1.5", "+ .10", "- .10")]
    [True, False, True, True, False]
    """
    (first, error), (second, its_error) = read_cell(one[column]), read_cell(other[column])
    kind, _, number = sign.partition(" ")
    if number:
        found, said = (first / second, number) if kind == "x" else (first - second, kind + number)
        return round(found, len(number.partition(".")[2])) == float(said)
    gains = [read_cell(text) for head, text in [*one.items(), *other.items()] if PAIRED.search(head) and text]
    paired = [each for gain, each in gains if abs(abs(gain) - abs(first - second)) < ROUNDED]
    alone = hypot(error, its_error)
    error = paired[0] if paired and alone else alone
    return first - second > 2 * error if kind == ">" else abs(first - second) <= 2 * error


def read_cell(text: str) -> tuple[float, float]:
    """The number of a cell and its standard error, 0 where it has none.

    >>> read_cell("-.0013 ± .0009"), read_cell("5,925")
    ((-0.0013, 0.0009), (5925.0, 0.0))
    """
    value, _, error = text.replace("\N{MINUS SIGN}", "-").replace(",", "").partition(" ± ")
    return float(value), float(error or 0)
