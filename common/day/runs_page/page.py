"""``runs.html`` in the build folder: every run of every competition, offline and without script."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.day import registry
from common.day.fit_noise import find_queries
from common.day.record_schema import RECORD, Row, read_record
from common.day.report.page import POLICY, load_templates
from common.day.report.tables import make_table
from common.day.runs_page.history import Entry, describe_group
from common.day.runs_page.studies import read_studies
from common.engine.errors import UserError
from common.io.submission import write_bytes

PAGE = "runs.html"


def write_runs(build: Path, rows: Sequence[Row]) -> Path:
    """Write the page of all runs and return its path. ``rows``: of the ledger, newest first."""
    return write_bytes(build / PAGE, build_runs(build, rows).encode(errors="replace"))


def build_runs(build: Path, rows: Sequence[Row]) -> str:
    """The page as text. Runs are held against each other where files, metric and queries are the same."""
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
    overview = [row for one in competitions for row in one["overview"]]
    filled = {key for row in overview for key, value in row.items() if value is not None}
    template = load_templates().get_template("runs.html.j2")
    return template.render(
        policy=POLICY,
        build=str(build),
        overview=make_table([{key: row[key] for key in row if key in filled} for row in overview], tints=False),
        competitions=competitions,
        damaged=damaged,
        agreement=make_table(registry.judge_agreement(rows), tints=False),
    )


def describe_competition(folder: Path, entries: Sequence[Entry]) -> dict[str, Any]:
    """The runs of a competition by their files, those of the newest run first, and its studies."""
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        if entry.folder.parent.name == folder.name:
            kind = entry.row["data"], str(entry.record["metric"]), find_queries(entry.record)
            groups.setdefault(kind, []).append(entry)
    return {
        "name": folder.name,
        "overview": [summarise(folder.name, runs) for runs in groups.values()],
        "groups": [describe_group(runs) for runs in groups.values()],
        "studies": read_studies(folder),
    }


def summarise(name: str, runs: Sequence[Entry]) -> Row:
    """The row of the first table: what there is, the best and the last."""
    best = max(runs, key=lambda run: float(run.row["CV"] or 0.0))
    last = runs[0]
    return {
        "competition": name,
        "files": last.row["data"],
        "queries": last.record["cv"]["queries"],
        "metric": str(last.record["metric"]),
        "runs": len(runs),
        "best": best.score,
        "last": last.score,
        "truth": last.row["truth"],
        "board": last.row["leaderboard"],
    }
