"""The parts of a report about the run itself: time and memory by step, notes from reading, settings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from common.report import formatting as numbers
from common.report.dot_plots import Column, Mark, marks
from common.report.html import Html, Section, caption, folded, paragraph, section, table, tag

Row = Mapping[str, Any]
STEPS_SHOWN = 20


def steps(record: Row) -> Section | None:
    """The longest steps with time and memory, those kept from an earlier run pale; all of them in their order."""
    rows = list(record.get("steps") or [])
    if not rows:
        return None
    kept = [row for row in rows if row.get("kept")]
    spent = sum(float(row.get("seconds") or 0.0) for row in rows if not row.get("kept"))
    said = f"{numbers.count(len(rows))} steps, {numbers.duration(spent)} in those computed"
    if kept:
        saved = sum(float(row.get("seconds") or 0.0) for row in kept)
        said += f"; {numbers.count(len(kept))} kept from an earlier run, which saved {numbers.duration(saved)}"
    longest = sorted(rows, key=lambda row: -float(row.get("seconds") or 0.0))[:STEPS_SHOWN]
    note = "Memory: the highest of the process while the step ran, whatever it held from before."
    if any(row.get("kept") for row in longest):
        note += " Pale: kept; what it took when it was computed."
    listed = folded(f"All {len(rows)} steps in their order", table([_plain(row) for row in rows], tints=False))
    first = f"The {len(longest)} longest:" if len(rows) > len(longest) else None
    return section(
        "steps",
        "Time and memory",
        paragraph(said + "."),
        paragraph(first) if first else None,
        _draw(longest),
        caption(note),
        listed if first else None,
    )


def _draw(rows: list[Row]) -> Html:
    names = [f"{row.get('name', '')} (kept)" if row.get("kept") else str(row.get("name", "")) for row in rows]
    return marks(names, [times(rows), memory(rows)], "step")


def times(rows: Sequence[Row]) -> Column:
    """Seconds of each row, pale where they were spent in an earlier run."""
    drawn = [Mark(row.get("seconds"), None, numbers.seconds(row.get("seconds")), bool(row.get("kept"))) for row in rows]
    return Column("time", drawn, "bar", unit=" s")


def memory(rows: Sequence[Row]) -> Column:
    """Peak memory of each row, drawn in GiB."""
    drawn = []
    for row in rows:
        peak = row.get("peak_mib")
        size = peak / 1024 if peak is not None and numbers.is_number(peak) else None
        drawn.append(Mark(size, None, numbers.mebibytes(peak), bool(row.get("kept"))))
    return Column("memory", drawn, "bar", unit=" GiB")


def _plain(row: Row) -> dict[str, Any]:
    return {
        "step": row.get("name"),
        "seconds": row.get("seconds"),
        "peak MiB": row.get("peak_mib"),
        "kept": "kept" if row.get("kept") else None,
    }


def notes(record: Row) -> Section | None:
    """What reading the files found, and what was done about it."""
    return section("notes", "Notes from reading", table(record.get("notes") or [], tints=False))


def settings(record: Row) -> Section | None:
    """What was overridden, and every setting that the run had."""
    found = list(flatten(record.get("config") or {}))
    overrides = [str(one) for one in record.get("overrides") or []]
    said = []
    if overrides:
        said.append(tag("p", "Changed for this run: ", tag("code", "  ".join(overrides))))
    if found and record.get("tuned"):
        said.append(paragraph("Tuned settings were used."))
    listed = folded(f"All {len(found)} settings", tag("pre", "\n".join(found), tabindex="0")) if found else None
    return section("settings", "Settings", *said, listed)


def flatten(config: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Each setting as ``a.b = value``, the value as JSON."""
    for key, value in config.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{name}.")
        else:
            yield f"{name} = {msgspec.json.encode(value).decode()}"
