"""The parts of a report about the run itself: time and memory by step, its settings."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from common.day.change import flatten
from common.day.record_schema import RunRecord
from common.day.report import formatting as numbers
from common.day.report.charts import Column, Mark, MarkTable
from common.engine.stored_entry import StepRecord

STEPS_SHOWN = 20


def steps(rows: Sequence[StepRecord]) -> dict[str, Any] | None:
    """The longest steps with time and memory, those kept from an earlier run pale; run.json has all in their order."""
    if not rows:
        return None
    kept = [row.seconds for row in rows if row.kept]
    longest = sorted(rows, key=lambda row: row.seconds, reverse=True)[:STEPS_SHOWN]
    names = [f"{row.name}{' (kept)' * row.kept}" for row in longest]
    columns = [
        Column(
            "time",
            [Mark(row.seconds, text=numbers.seconds(row.seconds), pale=row.kept) for row in longest],
            "bar",
            unit=" s",
        ),
        Column(
            "memory",
            [Mark(row.peak_mib / 1024, text=numbers.mebibytes(row.peak_mib), pale=row.kept) for row in longest],
            "bar",
            unit=" GiB",
        ),
    ]
    return {
        "total": len(rows),
        "kept": len(kept),
        "spent": sum(row.seconds for row in rows) - sum(kept),
        "saved": sum(kept),
        "shown": len(longest),
        "marks": MarkTable("step", names, columns),
    }


def run(record: RunRecord) -> dict[str, Any]:
    """What the run was made of, for who repeats it: the command, data, code, and what it cost."""
    data, code, sent = record.data, record.code, record.submission
    size = f"{numbers.count(data.files)} files, {numbers.mebibytes(data.bytes / 2**20)}" if data.files else ""
    submission = ", ".join(Path(path).name for path in sent.paths)
    changed = ", with uncommitted changes" * code.changed
    pairs = [
        ("submission", f"{submission}, {numbers.count(sent.rows)} rows" if submission else ""),
        ("data", ", ".join(filter(None, (data.folder, size)))),
        ("data digest", data.digest[:12]),
        ("code", f"{code.revision}{changed}" if code.revision else ""),
        ("started", record.started.replace("T", " ")[:16]),
        ("wall time", numbers.duration(record.wall_seconds)),
        ("peak memory", numbers.mebibytes(record.peak_mib)),
    ]
    return {"pairs": pairs, "command": make_command(record)}


def make_command(record: RunRecord) -> str:
    """The command that makes the same run again, wherever its settings came from."""
    words = [".venv/bin/python", "-m", "competitions", "run", record.name, "--raw", record.data.folder]
    seed = record.config.get("seed")
    words += ["--seed", str(seed)] if seed else []
    words += [word for override in record.overrides for word in ("--set", override)]
    words += [] if record.tuned else ["--untuned"]
    return shlex.join([*words, *(["--until", record.until] if record.until else [])])


def settings(record: RunRecord) -> dict[str, Any] | None:
    """Every setting that the run had; the command at the foot has those that were changed for it."""
    lines = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in flatten(record.config)]
    return {"lines": lines, "tuned": record.tuned} if lines else None
