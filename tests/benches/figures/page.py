"""FIGURES.md: what stands between two marks is written from the records, all else by a person.

<!-- figures: ladder simulated/0.04 -->
(table and stamp)
<!-- end -->
"""

import re
from collections.abc import Mapping

from common.day.stamp import Figure

BLOCK = re.compile(r"<!-- figures: (?P<key>[^\n]+?) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?[\d,]*\.?\d+( ± [\d.]+)?( %)?|")
BUSY = 0.8  # a load from which on seconds are upper bounds


def list_keys(page: str) -> list[str]:
    """The tables that a page has room for."""
    return [match["key"] for match in BLOCK.finditer(page)]


def fill(page: str, figures: Mapping[str, Figure], simulator: int | None) -> str:
    """The page with every table written anew. ``simulator``: its version of today; a table of another is marked."""

    def write(match: re.Match[str]) -> str:
        figure = figures.get(match["key"])
        body = write_table(figure, simulator) if figure else "Not measured yet.\n"
        return f"<!-- figures: {match['key']} -->\n{body}<!-- end -->"

    return BLOCK.sub(write, page)


def is_stale(figure: Figure, simulator: int | None) -> bool:
    """Whether it is of files that the simulator of today would not write."""
    return figure.simulator not in (None, simulator)


def write_table(figure: Figure, simulator: int | None) -> str:
    """A Markdown table, and below it the stamp in small letters."""
    names = list(figure.rows[0]) if figure.rows else []
    numeric = {name: all(NUMBER.fullmatch(row.get(name, "")) for row in figure.rows) for name in names}
    lines = [names, ["---:" if numeric[name] else "---" for name in names]]
    lines += [[row.get(name, "") for name in names] for row in figure.rows]
    stale = f"**Stale: of simulator {figure.simulator}, today's is {simulator}. Make it anew.** "
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{table}\n<sub>{stale if is_stale(figure, simulator) else ''}{describe_stamp(figure)}</sub>\n"


def describe_stamp(figure: Figure) -> str:
    """Command, version, simulator, machine and day in a line."""
    stamp = figure.stamp
    simulator = "" if figure.simulator is None else f"simulator {figure.simulator}, "
    busy = f", beside other programs (load {stamp.load})" if stamp.load > BUSY else ""
    return f"`{figure.command}`: version {stamp.version}, {simulator}{stamp.date}, {stamp.machine}{busy}"
