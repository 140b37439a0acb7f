"""The card of one method: its score beside the recorded one and the one before, what it gains and costs, its formula
and the line to change, and three queries: one that it wins against the method that it builds on, one lost, one drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import polars as pl

from common.day.methods.families import FORMULAS, PATH
from common.day.methods.ladder import (
    BASE,
    BEFORE,
    CODE,
    FITS,
    GAIN,
    GAIN_ERROR,
    KEY,
    MEMORY,
    SECONDS,
    Ladder,
    Rung,
)
from common.day.methods.scored import KINDS
from common.day.record_schema import Row
from common.day.report.charts import Figure
from common.day.report.formatting import alone, is_number, score, with_error
from common.day.report.page import POLICY, load_templates
from common.day.stamp import read_figures
from common.io.submission import write_bytes

CHOSEN = "One query of each kind, the first by the hash of its name, and so no extreme; * marks the right answer."
SHOWN = (
    KEY,
    "title",
    "family",
    "score",
    "error",
    GAIN,
    GAIN_ERROR,
    FITS,
    SECONDS,
    MEMORY,
    CODE,
    BEFORE,
)  # of a step's row
HISTORY = 300  # letters of a history that are shown


@dataclass(frozen=True)
class Example:
    """A query: its ``kind``, history and right answer in words, where that stands in each list, and the first items of
    each list, a row a rank.
    """

    query: str
    kind: str
    history: str
    answer: str
    ranks: str
    rows: list[Row]


@dataclass(frozen=True)
class Card:
    """What is known of one method: named facts, examples, figures."""

    title: str
    facts: dict[str, str]
    examples: list[Example]
    figures: Sequence[Figure]


def make_card(ladder: Ladder, row: Row, base: Row | None, recorded: Mapping[str, str]) -> Card:
    """The card of a method that was just measured. ``row``, ``base``: of the ladder, its own and that of the method it
    builds on; ``recorded``: scores by where they were recorded.
    """
    rung = ladder.find(row[KEY])
    own = ladder.measured[rung.key]
    both = own.pair(ladder.measured[row[BASE]] if base else own)
    step = f", step {PATH[rung.family]} of LEARNING.md" if rung.family in PATH else ""
    memory = f", {row[MEMORY]:,.0f} MiB beyond the start" if row[MEMORY] is not None else ""
    facts = {
        "does": " ".join((rung.code.__doc__ or "").partition("\n\n")[0].replace("``", "").split()),
        "formula": rung.formula or FORMULAS.get(rung.family, ""),
        "to change": row[CODE],
        ladder.metric: with_error(row["score"], row["error"]),
        "in FIGURES.md": "; ".join(f"{text} ({where})" for where, text in recorded.items()),
        "before": score(row[BEFORE]),
        **(compare_with(row, both) if base else {}),
        **list_columns(row, base),
        "cost": f"{row[SECONDS]:.1f} s{memory}",
    }
    title = f"{rung.key}: {rung.title} ({rung.family}{step})"
    examples = [] if both is None else list_examples(ladder, rung, both, row[BASE] if base else None)
    figures = rung.plots(ladder.bench, *rung.args) if rung.plots else []
    return Card(title, {name: text for name, text in facts.items() if text}, examples, figures)


def list_recorded(path: Path, key: str) -> dict[str, str]:
    """The scores of a method on the page of figures beside ``path``, its JSON, by data set and version."""
    ladders = {name: figure for name, figure in read_figures(path).items() if name.startswith("ladder ")}
    return {
        f"{name.removeprefix('ladder ')}, version {figure.stamp.version}": row["score"]
        for name, figure in ladders.items()
        for row in figure.rows
        if row.get(KEY) == key
    }


def compare_with(row: Row, both: pl.DataFrame | None) -> dict[str, str]:
    """What a method gains on the one that it builds on, and how many queries it wins, loses and leaves as they were."""
    noise = "" if row.get(FITS) is None else f", with the noise of {row.get(FITS)} fits"
    noise = ", without the noise between fits (a run with --seeds 3 measures it)" if row.get(FITS) == 0 else noise
    gain = {f"against {row[BASE]}": f"{with_error(row[GAIN], row[GAIN_ERROR])}, on the same queries{noise}"}
    if both is None:
        return gain
    counts = dict(both["kind"].value_counts().iter_rows())
    return gain | {"queries": ", ".join(f"{counts.get(kind, 0):,} {kind}" for kind in KINDS)}


def list_columns(row: Row, base: Row | None) -> dict[str, str]:
    """The further columns of the table, each beside that of the method it builds on."""
    named = {name: each for name, each in row.items() if name not in SHOWN and is_number(each)}
    others = {name: alone(base.get(name)) for name in named} if base else {}
    return {
        name: f"{alone(each)}{f' ({row[BASE]} {others[name]})' if others.get(name) else ''}"
        for name, each in named.items()
    }


def choose_examples(both: pl.DataFrame) -> pl.DataFrame:
    """One query of each kind that shows a list: the first by the hash of its name.

    >>> kinds = {"query": ["a", "b", "c"], "kind": ["lost", "won", "lost"], "items": [["x"], ["y"], None]}
    >>> choose_examples(pl.DataFrame(kinds))["query"].to_list()
    ['b', 'a']
    """
    shown = both.filter(pl.col("items").is_not_null()).sort(pl.col("query").hash(0), "query")
    firsts = shown.group_by("kind", maintain_order=True).first().cast({"kind": pl.Enum(KINDS)})
    return firsts.sort("kind")


def list_examples(ladder: Ladder, rung: Rung, both: pl.DataFrame, base: str | None) -> list[Example]:
    """A query won, one lost, one drawn, with what is known of them; of a method that builds on none, one drawn."""
    chosen = choose_examples(both)
    if chosen.is_empty():
        return []
    words = ladder.bench.describe(chosen["query"].to_list()).rows_by_key("query", named=True, unique=True)
    ends = {rung.key: "", **({base: "_below"} if base else {})}  # of the columns of each method
    examples = []
    for row in chosen.iter_rows(named=True):
        known = words.get(row["query"], {})
        history = known.get("history") or ""
        examples.append(
            Example(
                row["query"],
                row["kind"] if base else "query",
                f"... {history[-HISTORY:]}" if len(history) > HISTORY else history,
                known.get("answer") or "",
                ", ".join(f"{name} {row[f'rank{end}'] or 'not listed'}" for name, end in ends.items()),
                lay_out({name: row[f"items{end}"] or [] for name, end in ends.items()}),
            )
        )
    return examples


def lay_out(lists: Mapping[str, Sequence[str]]) -> list[Row]:
    """A row a rank, a column a method.

    >>> lay_out({"als": ["x", "* y"], "popularity": ["z"]})[1]
    {'rank': '2', 'als': '* y', 'popularity': ''}
    """
    rows = enumerate(zip_longest(*lists.values(), fillvalue=""), 1)
    return [{"rank": str(rank), **dict(zip(lists, items, strict=True))} for rank, items in rows]


def write_card(card: Card, path: Path) -> Path:
    """The card as a page with its figures."""
    page = load_templates().get_template("card.html.j2").render(policy=POLICY, card=card)
    return write_bytes(path, page.encode(errors="replace"))
