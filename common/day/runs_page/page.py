"""``runs.html`` in the build folder: every run of every competition, offline and without script."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.day import registry
from common.day.difference import describe_question
from common.day.record_schema import RECORD, Row, read_record, read_studies
from common.day.report.page import POLICY, load_templates
from common.day.report.tables import make_table
from common.day.report.tuning_section import tuning
from common.day.runs_page.history import Entry, describe_group
from common.engine.errors import UserError
from common.io.submission import write_bytes

PAGE = "runs.html"


def write_runs(build: Path, rows: Sequence[Row]) -> Path:
    """Write the page of all runs and return its path. ``rows``: of the ledger, newest first."""
    return write_bytes(build / PAGE, build_runs(build, rows).encode(errors="replace"))


def build_runs(build: Path, rows: Sequence[Row]) -> str:
    """The page as text. Runs stand together where files, metric and queries are the same, quick ones apart."""
    entries, damaged = [], []
    for row in rows:
        folder = build / row["run"]
        try:
            record = read_record(folder / RECORD)
        except UserError:
            damaged.append(row["run"])
            continue
        entries.append(Entry(row, record, folder)) if row["data"] else damaged.append(row["run"])
    names = dict.fromkeys(entry.folder.parent.name for entry in entries)
    competitions = [describe_competition(build / name, entries) for name in names]
    template = load_templates().get_template("runs.html.j2")
    return template.render(
        policy=POLICY,
        build=str(build),
        competitions=competitions,
        damaged=damaged,
        agreement=make_table(registry.judge_agreement(rows)),
    )


def describe_competition(folder: Path, entries: Sequence[Entry]) -> dict[str, Any]:
    """The runs of a competition by their files, those of the newest run first, and its studies."""
    groups: dict[tuple[str, str, str, bool], list[Entry]] = {}
    for entry in entries:
        if entry.folder.parent.name == folder.name:
            groups.setdefault(describe_question(entry.record), []).append(entry)
    return {
        "name": folder.name,
        "groups": [describe_group(runs) for runs in groups.values()],
        "studies": tuning(read_studies(folder)),
    }
