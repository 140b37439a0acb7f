"""Tables of the closing summaries, on stdout."""

from typing import Any

from rich.console import Console
from rich.table import Table


def wide_console() -> Console:
    """A console on stdout, wide enough for the tables where stdout is a file; a bracket is a bracket."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=140)


def print_table(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows of plain values as a table, a column for each name that any of them has; nothing where there are none.

    Where the console has no room for the table, its cells wrap: no figure is lost.
    """
    if not rows:
        return
    columns = dict.fromkeys(name for row in rows for name in row)
    console.print(f"\n{title}", style="italic", soft_wrap=True)
    table = Table(show_edge=False, box=None)
    for name in columns:
        is_text = any(isinstance(row.get(name), str) for row in rows)
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_format(row.get(name)) for name in columns))
    console.print(table)


def _format(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
    return "" if value is None else str(value)
