"""The card of one method, for the console: what it does, its formula, the line to change, its score beside the recorded
one and the one before, what it gains and costs.
"""

from collections.abc import Sequence
from pathlib import Path

from common.day.record_schema import Row
from common.day.report.formatting import alone, is_number, score, with_error
from common.day.stamp import read_figures
from competitions.learning.ladder import BASE, BEFORE, CODE, GAIN, GAIN_ERROR, KEY, MEMORY, ONE_FIT, SECONDS, Ladder

SHOWN = {KEY, "title", "family", "score", "error", BASE, GAIN, GAIN_ERROR, BEFORE, SECONDS, MEMORY, CODE}


def make_card(ladder: Ladder, rows: Sequence[Row], figures: Path) -> tuple[str, dict[str, str]]:
    """A title and what is known of a method, by name. ``rows``: of ``climb``, its own last, before it that of the
    method that it builds on, if any; ``figures``: of the competition's page.
    """
    row = rows[-1]
    base = next((other for other in rows if other[KEY] == row[BASE]), None)
    rung = ladder.find(row[KEY])
    memory = f", {row[MEMORY]:,.0f} MiB beyond the start" if row[MEMORY] is not None else ""
    gain = with_error(row[GAIN], row[GAIN_ERROR])
    facts = {
        "does": " ".join((rung.code.__doc__ or "").partition("\n\n")[0].replace("``", "").split()),
        "formula": rung.formula or rung.family.formula,
        "to change": row[CODE],
        ladder.metric: with_error(row["score"], row["error"]),
        "in FIGURES.md": "; ".join(list_recorded(figures, rung.key)),
        "before": score(row[BEFORE]),
        **({f"against {row[BASE]}": f"{gain}, on the same queries, {ONE_FIT}"} if base else {}),
        **list_columns(row, base or {}),
        "cost": f"{row[SECONDS]:.1f} s{memory}",
    }
    title = f"{rung.key}: {rung.title} ({rung.family.name}, step {rung.family.step} of LEARNING.md)"
    return title, {name: text for name, text in facts.items() if text}


def list_recorded(path: Path, key: str) -> list[str]:
    """The scores of a method on the page of figures beside ``path``, its JSON, with data set and version."""
    ladders = {name: figure for name, figure in read_figures(path).items() if name.startswith("ladder ")}
    return [
        f"{row['score']} ({name.removeprefix('ladder ')}, version {figure.stamp.version})"
        for name, figure in ladders.items()
        for row in figure.rows
        if row.get(KEY) == key
    ]


def list_columns(row: Row, base: Row) -> dict[str, str]:
    """The further columns of the table, each beside that of the method below, where it has one."""
    own = {name: each for name, each in row.items() if name not in SHOWN and is_number(each)}
    below = {name: f" ({row[BASE]} {alone(base[name])})" for name in own if is_number(base.get(name))}
    return {name: f"{alone(each)}{below.get(name, '')}" for name, each in own.items()}
