"""What a sentence of a page says of two figures, in a mark beside it, and whether the figures say so.

All of them, with their cells and a verdict: ``python -m tests.benches.figures.claims``.

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
import sys
from collections.abc import Iterator, Mapping
from math import hypot
from typing import NamedTuple

from common.day.stamp import FILE, Figure, read_figures
from common.engine.errors import UserError
from competitions import NAMES, ROOM
from tests.benches.figures.learning import REAL, SIMULATED

MARK = re.compile(r"<!-- says: ([^\n]+?) -->")
STATEMENT = re.compile(r"(?P<name>\w+) (?P<chain>.+?)(?: in (?P<column>.+?))? on (?P<data>.+)")
SIGN = re.compile(r"\s+(>|=|x [\d.]+|[+-] [\d.]+)\s+")
PAIRED = re.compile("gain|minus")  # in the head of a column of paired differences
ROUNDED = 1.01e-4  # how far two differences of numbers with four digits may lie apart that are one

SENTENCE = re.compile(r"(?<=[.?]) |(?<=[。？])|\| ")  # noqa: RUF001

Row = Mapping[str, str]
Figures = Mapping[str, Mapping[str, Figure]]  # by competition, then by the key of a table


class Verdict(NamedTuple):
    """One relation of a statement: its two cells, and whether they say so."""

    statement: str
    cells: str
    holds: bool


def main() -> None:
    """Print each marked sentence with its page and line, and below it each relation with its cells and its verdict.
    Exit code 1: one is not so.
    """
    figures = {name: read_figures(ROOM / name / FILE) for name in NAMES}
    verdicts: list[Verdict] = []
    for page in sorted([*ROOM.parent.glob("*.md"), *ROOM.glob("**/*.md")]):
        for line, sentence, statements in list_sentences(page.read_text(encoding="utf-8")):
            print(f"\n{page.relative_to(ROOM.parent)}:{line}: {sentence}")
            judged = [verdict for statement in statements for verdict in judge(statement, figures)]
            for each in judged:
                print(f"  {'so' if each.holds else 'NOT SO':<6}  {each.statement}: {each.cells}")
            verdicts += judged
    false = sum(not each.holds for each in verdicts)
    print(f"\n{len(verdicts)} relations, {false} of them not so.")
    sys.exit(1 if false else 0)


def list_sentences(page: str) -> Iterator[tuple[int, str, list[str]]]:
    """Of each mark of a page: its line, the two sentences before it, its statements.

    >>> list(list_sentences("Of two, ALS is behind. <!-- says: news covisits > als on Globo -->"))
    [(1, 'Of two, ALS is behind.', ['news covisits > als on Globo'])]
    """
    for mark in MARK.finditer(page):
        before = MARK.sub("", page[: mark.start()]).rstrip().rpartition("\n\n")[2]
        sentences = " ".join([each for each in SENTENCE.split(before) if each.strip()][-2:])
        yield page.count("\n", 0, mark.start()) + 1, " ".join(sentences.split()), list_claims(mark[0])


def list_claims(page: str) -> list[str]:
    """The statements of a page's marks.

    >>> list_claims("ALS is behind. <!-- says: news covisits > als on Globo; tencent als > counts on Beauty -->")
    ['news covisits > als on Globo', 'tencent als > counts on Beauty']
    """
    return [each.strip() for mark in MARK.findall(page) for each in mark.split(";")]


def list_false(claim: str, figures: Figures) -> Iterator[str]:
    """What of a statement is not so, with the cells."""
    return (f"{claim}: {each.cells}" for each in judge(claim, figures) if not each.holds)


def judge(claim: str, figures: Figures) -> Iterator[Verdict]:
    """Each relation of a statement with its cells; ``UserError`` where no table has them."""
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
        cells = f"{one} {rows[one][column]}, {other} {rows[other][column]}"
        statement = f"{name} {one} {sign} {other} in {column} on {said['data']}"
        yield Verdict(statement, cells, holds(sign, rows[one], rows[other], column))


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


if __name__ == "__main__":
    main()
