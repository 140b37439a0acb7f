"""``runs.html`` in the build folder: every run of every competition, offline and without script; the runs on the same
files side by side: scores, what each run changed, what that brought.
"""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from common.day.compare import find_change
from common.day.difference import Difference
from common.day.registry import DamagedRun, ListedRun, name_files
from common.day.report import formatting as numbers
from common.day.report.charts import Mark, Marks, MarkTable
from common.day.report.page import POLICY, REPORT_PAGE, load_templates
from common.day.report.score_sections import draw_score
from common.io.submission import write_bytes

RUNS_PAGE = "runs.html"
RUNS_SHOWN = 30  # newest, of the same files


def write_runs(build: Path, runs: Sequence[ListedRun | DamagedRun]) -> Path:
    """Write the page of all runs, given newest first, and return its path."""
    return write_bytes(build / RUNS_PAGE, build_runs(build, runs).encode(errors="replace"))


def build_runs(build: Path, runs: Sequence[ListedRun | DamagedRun]) -> str:
    """The page as text. Runs stand together where files, metric and queries are the same, quick ones apart."""
    alike: dict[str, dict[object, list[ListedRun]]] = {}  # by competition and question
    for run in runs:
        if isinstance(run, ListedRun):
            alike.setdefault(run.folder.parent.name, {}).setdefault(run.record.question, []).append(run)
    return (
        load_templates()
        .get_template("runs.html.j2")
        .render(
            policy=POLICY,
            build=str(build),
            competitions=[
                {"name": name, "groups": [describe_group(group) for group in groups.values()]}
                for name, groups in alike.items()
            ],
            damaged=["/".join(run.folder.parts[-2:]) for run in runs if isinstance(run, DamagedRun)],
        )
    )


def describe_group(runs: Sequence[ListedRun]) -> dict[str, Any]:
    """What the page shows of runs on the same files and queries under the same metric, given newest first."""
    shown, record = list(runs[:RUNS_SHOWN]), runs[0].record
    return {
        "files": name_files(record.data),
        "quick": record.is_quick,
        "queries": record.cv.queries,
        "total": len(runs),
        "shown": len(shown),
        "sentence": describe_best(shown),
        "marks": list_marks(shown, record.metric),
    }


def name_run(run: ListedRun) -> str:
    """When it began by this machine's time (its folder where a person renamed that), and what a person calls it."""
    try:
        began = datetime.datetime.strptime(f"{run.folder.name[:15]} +0000", "%Y%m%d-%H%M%S %z")
        time = f"{began.astimezone():%d %b %H:%M}"
    except ValueError:
        time = run.folder.name
    return f"{time}, {run.record.note}" if run.record.note else time


def describe_best(runs: Sequence[ListedRun]) -> str:
    """The best run, and how the last one differs from it, query by query."""
    best, last = max(runs, key=lambda run: run.record.cv.score), runs[0]
    score = numbers.with_error(best.record.cv.score, best.record.cv.error)
    head = f"The best of {len(runs)} run{'s' * (len(runs) > 1)} is {name_run(best)} with {score}."
    change = None if best is last else find_change(last.folder, best.folder)
    return f"{head} The last run: {change.sentence.replace('Against', 'against', 1)}." if change else head


def list_marks(runs: Sequence[ListedRun], metric: str) -> MarkTable:
    """A row a run: score, change against the most similar earlier run, truth and board where known, minutes."""
    changes = [find_change(run.folder) for run in runs]
    columns = [Marks(metric, [draw_score(run.record.cv.score, run.record.cv.error) for run in runs])]
    if len(runs) > 1:
        gains = [draw_gain(change.difference if change else None) for change in changes]
        columns.append(Marks("against the most similar earlier run", gains, reference=0.0))
    known = {
        "truth": [run.record.truth.score if run.record.truth else None for run in runs],
        "board": [run.leaderboard for run in runs],
    }
    for name, values in known.items():
        if any(value is not None for value in values):
            columns.append(Marks(name, [Mark(text=numbers.score(value)) for value in values], "plain"))
    columns.append(Marks("minutes", [Mark(text=f"{run.record.wall_seconds / 60:.1f}") for run in runs], "plain"))
    details = [change.sentence if change else "" for change in changes]
    return MarkTable("run", [link(run) for run in runs], columns, details)


def draw_gain(gain: Difference | None) -> Mark:
    """A paired difference: pale where it is within the noise."""
    if gain is None:
        return Mark()
    if not gain.changed:
        return Mark(text="no query changed")
    text = f"{'+' if gain.mean > 0 else ''}{numbers.with_error(gain.mean, gain.error)}"
    return Mark(gain.mean, gain.error, text, pale=not gain.clear)


def link(run: ListedRun) -> str:
    """The run's name, leading to its report where there is one."""
    name = name_run(run)
    if not (run.folder / REPORT_PAGE).is_file():
        return name
    return Markup('<a href="{}">{}</a>').format("/".join([*run.folder.parts[-2:], REPORT_PAGE]), name)
