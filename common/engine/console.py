"""Tables of the closing summaries, on stdout."""

from typing import Any

from rich.console import Console
from rich.table import Table


def wide_console() -> Console:
    """A console on stdout, wide enough for the tables where stdout is a file; a bracket is a bracket."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=140)


def print_table(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows of plain values as a table; nothing where there are none."""
    if not rows:
        return
    table = Table(show_edge=False, box=None)
    for name in rows[0]:
        first = name == next(iter(rows[0]))
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right", no_wrap=first)
    for row in rows:
        table.add_row(*(_format(value) for value in row.values()))
    console.print(f"\n{title}", style="italic", soft_wrap=True)
    console.print(table)


def _format(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
    return "" if value is None else str(value)


def shorten_steps(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Steps of a second and more in order, then the others in one row."""
    short = [step for step in steps if step["seconds"] < 1]
    rest = {
        "name": f"{len(short)} shorter steps",
        "seconds": sum(step["seconds"] for step in short),
        "peak_mib": max((step["peak_mib"] for step in short), default=0.0),
        "kept": all(step["kept"] for step in short),
    }
    return [step for step in steps if step["seconds"] >= 1] + ([rest] if short else [])
