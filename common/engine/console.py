"""Tables of the closing summaries, on stdout."""

from typing import Any, Literal

from rich.console import Console
from rich.table import Table

PADDING = 2  # of a column, left and right
WRAPPED = 24  # letters that a column of text has at least; longer ones wrap


def wide_console() -> Console:
    """A console on stdout, wide enough for the tables where stdout is a file; a bracket is a bracket."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=140)


def print_table(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows of plain values as a table, a column for each name that any of them has; nothing where there are none.

    Columns that the console has no room for follow below, behind the first one again: no number is cut.
    """
    if not rows:
        return
    columns = dict.fromkeys(name for row in rows for name in row)
    texts = {name: [_format(row.get(name)) for row in rows] for name in columns}
    wraps = {name for name in texts if any(isinstance(row.get(name), str) for row in rows)}
    console.print(f"\n{title}", style="italic", soft_wrap=True)
    for part, names in enumerate(_split_columns(texts, wraps, console.width)):
        table = Table(show_edge=False, box=None)
        for number, name in enumerate(names):
            justify: Literal["left", "right"] = "left" if name in wraps else "right"
            table.add_column(name, justify=justify, no_wrap=not number or name not in wraps, overflow="fold")
        for cells in zip(*(texts[name] for name in names), strict=True):
            table.add_row(*cells)
        console.print(*([""] if part else []), table, sep="\n")


def _split_columns(texts: dict[str, list[str]], wraps: set[str], width: int) -> list[list[str]]:
    """The names of the columns that stand side by side, in parts; the first column heads each of them."""
    first, *others = texts
    room = {name: PADDING + max(map(len, [name, *column])) for name, column in texts.items()}
    room |= {name: min(room[name], PADDING + max(WRAPPED, len(name))) for name in wraps if name != first}
    parts = [[first]]
    for name in others:
        if len(parts[-1]) > 1 and sum(room[one] for one in (*parts[-1], name)) > width:
            parts.append([first])
        parts[-1].append(name)
    return parts


def _format(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
    return "" if value is None else str(value)
