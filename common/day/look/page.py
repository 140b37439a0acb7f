"""The page of a look at raw files: tables of what is there, pictures of its distributions. Offline, without script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from common.day.look.columns import RawTable, count_files, describe_columns, draw_frames, is_table
from common.day.look.differences import describe_drift, list_drifting, list_sentences
from common.day.look.distributions import Histogram, Picture, Shares
from common.day.report import formatting as numbers
from common.day.report.charts import Line, MarkTable, Plot, make_scale, make_span, shares
from common.day.report.page import POLICY, load_templates
from common.day.report.tables import TableColumn, make_table
from common.io.notes import Note, pool_notes
from common.io.submission import write_text

STYLES = ("line", "other", "third")
PAGE = "look.html"


@dataclass(frozen=True)
class Look:
    """What a competition shows of its raw files: the host's tables, and what reading settled.

    ``frames``: by heading and side ("train", "test") rows whose columns are drawn beside each other, each under its
    name: numbers as histograms, times (``Datetime("ms")``) by day, texts and truth values by their shares.
    """

    tables: Sequence[RawTable]
    frames: Mapping[str, Mapping[str, pl.DataFrame]]
    notes: Sequence[Note] = ()


def write_look(name: str, folder: Path, basis: str, look: Look, out: Path) -> Path:
    """Write ``look.html`` into a folder and return its path. ``basis``: what the files are, in words."""
    return write_text(out / PAGE, build_look(name, folder, basis, look))


def build_look(name: str, folder: Path, basis: str, look: Look) -> str:
    """The page as text."""
    tables = [table for table in look.tables if all(map(is_table, table.sides.values()))]
    described = [(table, rows) for table in tables if (rows := describe_columns(table))]
    columns = [
        {"title": table.title, "sides": list(zip(table.sides, STYLES, strict=False)), "table": lay_out(rows)}
        for table, rows in described
    ]
    pictures = {title: draw_frames(sides) for title, sides in look.frames.items()}
    sentences = list_sentences({f"part-{number}": of for number, of in enumerate(pictures.values())})
    sentences += [one for table, rows in described for one in list_drifting(table.title, rows, "columns")]
    groups = [
        {"title": title, "id": f"part-{number}", "pictures": [draw(one) for one in of]}
        for number, (title, of) in enumerate(pictures.items())
    ]
    return (
        load_templates()
        .get_template("look.html.j2")
        .render(
            policy=POLICY,
            name=name,
            folder=str(folder),
            basis=basis,
            sentences=sentences,
            files=make_table(count_files(look.tables)),
            groups=[group for group in groups if group["pictures"]],
            columns=columns,
            notes=make_table([note.as_row() for note in pool_notes(look.notes)]),
        )
    )


def lay_out(rows: Sequence[Mapping[str, Any]]) -> list[TableColumn]:
    """The table of a raw table's columns, each with its flag of drift, tinted by how much it is, and its histogram."""
    plain = make_table([{key: row[key] for key in row if key not in ("drift", "picture")} for row in rows])
    drifts, pictures = ([row.get(key) for row in rows] for key in ("drift", "picture"))
    flags = [describe_drift(drift) if drift else "" for drift in drifts]
    first, *others = plain
    own = [TableColumn("values", [sketch(picture) for picture in pictures])]
    own += [TableColumn("drift", flags, tints=drifts)] if any(flags) else []
    return [first, *own, *others]


def sketch(picture: Picture | None) -> str:
    """A picture in a cell of a table: steps over its bins or labels, a line each side; the text names what it shows."""
    if picture is None:
        return ""
    if isinstance(picture, Shares):
        described = f"the most frequent: {', '.join(picture.labels[:3])}"
        plot = draw_steps(range(len(picture.labels) + 1), picture.shares)
    else:
        described = "; ".join(f"{side}, {text}" for side, text in write_medians(picture).items())
        plot = draw_steps(picture.edges, picture.shares)
    paths = [Markup('<path d="{}" class="{}"/>').format(plot.path(line), line.style) for line in plot.lines]
    return Markup(
        '<svg class="sketch" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(described, Markup("").join(paths))


def write_medians(picture: Histogram) -> dict[str, str]:
    """The median of each side in words."""
    return {side: f"median {numbers.significant(median)}" for side, median in picture.medians.items()}


def draw(picture: Picture) -> dict[str, Any]:
    """A picture as its template takes it."""
    head = {"title": picture.title}
    if isinstance(picture, Shares):
        most = 100 * max(max(values) for values in picture.shares.values())
        columns = [replace(shares(side, values), most=most) for side, values in picture.shares.items()]
        return head | {"kind": "shares", "marks": MarkTable("", picture.labels, columns)}
    sides, plot = write_medians(picture), draw_steps(picture.edges, picture.shares, picture.logarithmic)
    legend = [{"side": side, "style": style, "text": sides[side]} for side, style in zip(sides, STYLES, strict=False)]
    described = "; ".join(f"{one['side']} {one['text']}".strip() for one in legend)
    drawn = {"kind": "plot", "plot": plot, "legend": legend, "across": picture.unit, "upward": "share"}
    return head | drawn | {"description": f"{picture.title}, {described}"}


def draw_steps(edges: Sequence[float], shares: Mapping[str, Sequence[float]], logarithmic: bool = False) -> Plot:
    """Steps from edge to edge, a line each side."""
    lines = [
        Line([(edges[0], 0.0), *zip(edges[:-1], values, strict=True), (edges[-1], 0.0)], f"step {style}")
        for style, values in zip(STYLES, shares.values(), strict=False)
    ]
    highest = max(max(values, default=0.0) for values in shares.values())
    across = make_span(edges[0], edges[-1], logarithmic=logarithmic)
    return Plot(lines, [], across, make_scale([0.0, highest], zero=True))
