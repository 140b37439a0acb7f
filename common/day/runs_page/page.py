"""``runs.html`` in the build folder: every run of every competition, offline and without script."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.day.registry import DamagedRun, ListedRun
from common.day.report.page import POLICY, load_templates
from common.day.runs_page.history import describe_group
from common.io.submission import write_bytes

RUNS_PAGE = "runs.html"


def write_runs(build: Path, runs: Sequence[ListedRun | DamagedRun]) -> Path:
    """Write the page of all runs, given newest first, and return its path."""
    return write_bytes(build / RUNS_PAGE, build_runs(build, runs).encode(errors="replace"))


def build_runs(build: Path, runs: Sequence[ListedRun | DamagedRun]) -> str:
    """The page as text. Runs stand together where files, metric and queries are the same, quick ones apart."""
    by_name: dict[str, list[ListedRun]] = {}
    for run in runs:
        if isinstance(run, ListedRun):
            by_name.setdefault(run.folder.parent.name, []).append(run)
    return (
        load_templates()
        .get_template("runs.html.j2")
        .render(
            policy=POLICY,
            build=str(build),
            competitions=[describe_competition(build / name, listed) for name, listed in by_name.items()],
            damaged=["/".join(run.folder.parts[-2:]) for run in runs if isinstance(run, DamagedRun)],
        )
    )


def describe_competition(folder: Path, runs: Sequence[ListedRun]) -> dict[str, Any]:
    """The runs of a competition by their files, those of the newest run first."""
    groups: dict[tuple[str, str, str, bool], list[ListedRun]] = {}
    for run in runs:
        groups.setdefault(run.record.question, []).append(run)
    return {"name": folder.name, "groups": [describe_group(alike) for alike in groups.values()]}
