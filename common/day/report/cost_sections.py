"""The parts of a report about the run itself: time and memory by step, its settings."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from common.day.fit_noise import flatten
from common.day.report import formatting as numbers
from common.day.report.charts import Column, Mark, MarkTable
from common.day.report.record import Row

STEPS_SHOWN = 20


def steps(record: Row) -> dict[str, Any] | None:
    """The longest steps with time and memory, those kept from an earlier run pale; run.json has all in their order."""
    rows = record["steps"]
    if not rows:
        return None
    kept, computed = ([row for row in rows if bool(row.get("kept")) is flag] for flag in (True, False))
    longest = sorted(rows, key=_seconds, reverse=True)[:STEPS_SHOWN]
    names = [f"{row.get('name', '')}{' (kept)' if row.get('kept') else ''}" for row in longest]
    return {
        "total": len(rows),
        "kept": len(kept),
        "spent": sum(map(_seconds, computed)),
        "saved": sum(map(_seconds, kept)),
        "shown": len(longest),
        "marks": MarkTable("step", names, [times(longest), memory(longest)]),
    }


def _seconds(row: Row) -> float:
    return float(row.get("seconds") or 0.0)


def times(rows: Sequence[Row]) -> Column:
    """Seconds of each row, pale where they were spent in an earlier run."""
    marks = [_cost(row, row.get("seconds"), numbers.seconds(row.get("seconds"))) for row in rows]
    return Column("time", marks, "bar", unit=" s")


def memory(rows: Sequence[Row], key: str = "peak_mib", title: str = "memory") -> Column:
    """Memory of each row, by default the process's peak, drawn in GiB."""
    peaks = [row.get(key) for row in rows]
    sizes = [peak / 1024 if numbers.is_number(peak) else None for peak in peaks]
    marks = [_cost(row, size, numbers.mebibytes(peak)) for row, size, peak in zip(rows, sizes, peaks, strict=True)]
    return Column(title, marks, "bar", unit=" GiB")


def _cost(row: Row, value: float | None, text: str) -> Mark:
    return Mark(value, text=text, pale=bool(row.get("kept")))


def run(record: Row) -> dict[str, Any] | None:
    """What the run was made of, for who repeats it: the command, data, code, and what it cost."""
    data, code, sent = record["data"], record["code"], record["submission"]
    rows, files, revision = sent.get("rows"), int(data.get("files") or 0), code.get("revision")
    size = f"{numbers.count(files)} files, {numbers.mebibytes((data.get('bytes') or 0) / 2**20)}" if files else ""
    submission = ", ".join(Path(str(path)).name for path in sent["paths"])
    pairs = [
        ("submission", f"{submission}, {numbers.count(rows)} rows" if submission else ""),
        ("data", ", ".join(filter(None, (data.get("folder"), size)))),
        ("data digest", str(data.get("digest") or "")[:12]),
        (
            "code",
            f"{revision}{', with uncommitted changes' if code.get('changed') else ''}" if revision else "",
        ),
        ("started", str(record["started"]).replace("T", " ")[:16]),
        ("wall time", numbers.duration(record.get("wall_seconds"))),
        ("peak memory", numbers.mebibytes(record.get("peak_mib"))),
    ]
    return {"pairs": pairs, "command": make_command(record)} if data.get("folder") else None


def make_command(record: Row) -> str:
    """The command that makes the same run again, wherever its settings came from."""
    words = [".venv/bin/python", "-m", "competitions", "run", record["name"], "--raw", record["data"]["folder"]]
    seed = record["config"].get("seed")
    words += ["--seed", str(seed)] if seed else []
    words += [word for override in record["overrides"] for word in ("--set", str(override))]
    words += [] if record["tuned"] else ["--untuned"]
    return shlex.join(map(str, [*words, *(["--until", str(record["until"])] if record.get("until") else [])]))


def settings(record: Row) -> dict[str, Any] | None:
    """Every setting that the run had; the command at the foot has those that were changed for it."""
    lines = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in flatten(record["config"])]
    return {"lines": lines, "tuned": record["tuned"]} if lines else None
