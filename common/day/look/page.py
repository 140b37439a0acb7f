"""The page of a look at raw files: tables of what is there, pictures of its distributions. Offline, without script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from common.day.look.columns import RawTable, count_files, describe_columns, is_table
from common.day.look.distributions import Picture, describe_difference, draw_column, measure_distance
from common.day.report import formatting as numbers
from common.day.report.charts import Line, MarkTable, Plot, make_scale, make_span, shares
from common.day.report.page import POLICY, load_templates
from common.io.notes import Note, pool_notes
from common.io.submission import write_bytes

STYLES = ("line", "other", "third")
PAGE = "look.html"
MOST_SENTENCES, MOST_COLUMNS = 8, 6


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
    return write_bytes(out / PAGE, build_look(name, folder, basis, look).encode(errors="replace"))


def build_look(name: str, folder: Path, basis: str, look: Look) -> str:
    """The page as text."""
    tables = [table for table in look.tables if all(map(is_table, table.sides.values()))]
    columns = [(table, rows) for table in tables if (rows := describe_columns(table))]
    groups = [(title, drawn) for title, sides in look.frames.items() if (drawn := draw_frames(sides))]
    return (
        load_templates()
        .get_template("look.html.j2")
        .render(
            policy=POLICY,
            name=name,
            folder=str(folder),
            basis=basis,
            sentences=list_differing([picture for _, drawn in groups for picture in drawn])
            + [one for table, rows in columns for one in list_drifting(table.title, rows)],
            files=count_files(look.tables),
            groups=[(title, [draw(picture) for picture in drawn]) for title, drawn in groups],
            columns=[(table.title, rows) for table, rows in columns],
            notes=[note.as_row() for note in pool_notes(look.notes)],
        )
    )


def draw_frames(sides: Mapping[str, pl.DataFrame]) -> list[Picture]:
    """Every column of these frames that is worth a picture, in their order."""
    names = dict.fromkeys(name for frame in sides.values() for name in frame.columns)
    drawn = (
        draw_column(name, {side: frame[name] for side, frame in sides.items() if name in frame.columns})
        for name in names
    )
    return [picture for picture in drawn if picture is not None]


def list_differing(pictures: Sequence[Picture]) -> list[str]:
    """Of the pictures whose first two sides differ, the most at first."""
    distances = sorted(((measure_distance(one), one) for one in pictures), key=lambda pair: -pair[0])
    return [f"{one.title}: {describe_difference(one)}" for distance, one in distances[:MOST_SENTENCES] if distance]


def list_drifting(title: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of a table that drift most, in one sentence; none where none does."""
    drifting = sorted((row for row in rows if row.get("drift")), key=lambda row: -float(row["drift"]))
    named = ", ".join(f"{row['column']} ({numbers.score(row['drift'], 2)})" for row in drifting[:MOST_COLUMNS])
    more = f" and {len(drifting) - MOST_COLUMNS} more" if len(drifting) > MOST_COLUMNS else ""
    return [f"{title}: {len(drifting)} of {len(rows)} columns drift: {named}{more}."] if drifting else []


def draw(picture: Picture) -> dict[str, Any]:
    """A picture as its template takes it."""
    if picture.labels:
        most = 100 * max(max(values) for values in picture.shares.values())
        columns = [replace(shares(side, values), most=most) for side, values in picture.shares.items()]
        return {"title": picture.title, "marks": MarkTable("", picture.labels, columns)}
    sides = [f"{side}, median {numbers.significant(median)}" for side, median in picture.medians.items()]
    description = "; ".join([picture.title, *sides])
    drawn = {"title": picture.title, "plot": draw_steps(picture), "across": picture.unit, "description": description}
    return drawn | {"legend": list(zip(STYLES, sides, strict=False))}


def draw_steps(picture: Picture) -> Plot:
    """Steps from edge to edge, a line each side."""
    edges = picture.edges
    lines = [
        Line([(edges[0], 0.0), *zip(edges[:-1], values, strict=True), (edges[-1], 0.0)], f"step {style}")
        for style, values in zip(STYLES, picture.shares.values(), strict=False)
    ]
    highest = max(max(values) for values in picture.shares.values())
    across = make_span(edges[0], edges[-1], logarithmic=picture.logarithmic)
    return Plot(lines, [], across, make_scale([0.0, highest], zero=True))
