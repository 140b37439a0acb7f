"""The runs of a competition on the same files: scores by date, what each run changed, what that brought."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from common.day.difference import Difference, find_change, is_quick
from common.day.record_schema import Row
from common.day.report import formatting as numbers
from common.day.report.charts import Column, Dot, Line, Mark, MarkTable, Plot, Scale, make_scale
from common.day.report.page import PAGE

RUNS_SHOWN = 30  # newest, of the same files
MOST_TICKS = 5
STAMP = "%Y%m%d-%H%M%S"


class Entry(NamedTuple):
    """A run: its ``row`` of the ledger, its record, its folder."""

    row: Row
    record: Row
    folder: Path

    @property
    def day(self) -> datetime.datetime | None:
        """When it began, by its name; None where a person renamed it."""
        try:
            return datetime.datetime.strptime(self.folder.name[:15], STAMP)
        except ValueError:
            return None

    @property
    def title(self) -> str:
        """Its time in words, and what a person calls it."""
        day = f"{self.day:%d %b %H:%M}" if self.day else self.folder.name
        return f"{day}, {self.record['note']}" if self.record.get("note") else day

    @property
    def score(self) -> str:
        """Its score with the standard error."""
        return numbers.with_error(self.row["CV"], self.row["error"])


def describe_group(runs: Sequence[Entry]) -> dict[str, Any]:
    """What the page shows of runs on the same files and queries under the same metric, given newest first."""
    shown = list(runs[:RUNS_SHOWN])
    metric = str(runs[0].record["metric"])
    scored = [run for run in shown if numbers.is_number(run.row["CV"])]
    return {
        "files": runs[0].row["data"],
        "quick": is_quick(runs[0].record),
        "queries": runs[0].record["cv"]["queries"],
        "metric": metric,
        "total": len(runs),
        "shown": len(shown),
        "sentence": describe_best(scored) if scored else "No run has a score.",
        "plot": draw_history(scored[::-1]) if len(scored) > 1 else None,
        "legend": [(style, name) for style, name, key in SERIES if any(run.row[key] is not None for run in scored)],
        "marks": list_marks(shown, metric),
    }


def describe_best(scored: Sequence[Entry]) -> str:
    """The best run, and how the last one differs from it, query by query."""
    best, last = max(scored, key=lambda run: float(run.row["CV"])), scored[0]
    head = f"The best of {len(scored)} run{'s' * (len(scored) > 1)} is {best.title} with {best.score}."
    change = None if best is last else find_change(last.folder, best.folder)
    return f"{head} The last run: {change.sentence.replace('Against', 'against', 1)}." if change else head


# --- by date ---

SERIES = (("line", "CV, with one standard error", "CV"), ("other", "truth", "truth"), ("third", "board", "leaderboard"))


def draw_history(runs: Sequence[Entry]) -> Plot:
    """Scores in the order of the runs, the oldest first: an equal step each, since runs come in bunches."""
    lines, dots = [], []
    for at, run in enumerate(runs):
        score, error = float(run.row["CV"]), run.row["error"] or 0.0
        lines.append(Line([(at, score - error), (at, score + error)], "thin"))
        dots.append(Dot(at, score, f"{run.title}: {run.score}"))
    for style, name, key in SERIES:
        points = [(at, float(run.row[key])) for at, run in enumerate(runs) if run.row[key] is not None]
        lines.append(Line(points, style))
        if key != "CV":
            dots += [Dot(at, y, f"{runs[at].title}: {name} {numbers.score(y)}", f"mark-{style}") for at, y in points]
    heights = [y for line in lines for _, y in line.points]
    return Plot([line for line in lines if line.points], dots, scale_dates(runs), make_scale(heights))


def scale_dates(runs: Sequence[Entry]) -> Scale:
    """The runs as equal steps, some of them named by their day, or by their hour where all are of one day."""
    days = [run.day for run in runs]
    one_day = len({day.date() for day in days if day}) < 2
    stride = -(-len(runs) // MOST_TICKS)
    ticks = [at for at in range(0, len(runs), stride) if days[at]]
    names = [f"{days[at]:%H:%M}" if one_day else f"{days[at]:%d %b}" for at in ticks]
    return Scale(0, max(len(runs) - 1, 1), ticks, names)


# --- side by side ---


def list_marks(runs: Sequence[Entry], metric: str) -> MarkTable:
    """A row a run: score, change against the most similar earlier run, truth and board where known, minutes."""
    changes = [find_change(run.folder) for run in runs]
    known = {title: [run.row[key] for run in runs] for title, key in (("truth", "truth"), ("board", "leaderboard"))}
    minutes = [run.row["minutes"] for run in runs]
    columns = [
        Column(metric, [Mark(run.row["CV"], run.row["error"], run.score) for run in runs]),
        *(
            [
                Column(
                    "against the most similar earlier run",
                    [mark_gain(change.difference if change else None) for change in changes],
                    reference=0.0,
                )
            ]
            if len(runs) > 1
            else []
        ),
        *(
            Column(title, [Mark(text=numbers.score(value)) for value in values], "plain")
            for title, values in known.items()
            if any(value is not None for value in values)
        ),
        Column("minutes", [Mark(text="" if one is None else f"{one:.1f}") for one in minutes], "plain"),
    ]
    details = [change.sentence if change else "" for change in changes]
    return MarkTable("run", [link(run) for run in runs], columns, details)


def mark_gain(gain: Difference | None) -> Mark:
    """A paired difference: pale where it is within the noise."""
    if gain is None:
        return Mark()
    if not gain.changed:
        return Mark(text="no query changed")
    if gain.repeat:
        return Mark(text=f"{gain.mean:+.4f}, by chance alone")
    text = f"{'+' if gain.mean > 0 else ''}{numbers.with_error(gain.mean, gain.error)}"
    return Mark(gain.mean, gain.error, text, pale=not gain.clear)


def link(run: Entry) -> str:
    """The run's name, leading to its report where there is one."""
    if not (run.folder / PAGE).is_file():
        return run.title
    return Markup('<a href="{}">{}</a>').format("/".join([*run.folder.parts[-2:], PAGE]), run.title)
