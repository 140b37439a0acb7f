"""The end of a run on the console: its tables on request, the score, what changed, and what a person opens next."""

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

from common.day.board import describe_standing
from common.day.compare import Difference, list_changed_settings, measure_difference
from common.day.record_schema import RECORD, read_record
from common.engine.console import print_table, shorten_steps, wide_console
from common.engine.errors import UserError
from competitions import ROOM
from competitions.cli.data import describe_boards

Record = dict[str, Any]
LOOKED_BACK = 20  # runs
SETTINGS_SHOWN, VALUE_CHARS = 3, 30


def show_tables(record: Record) -> None:
    """Print every table of the run; run.json has more digits, and every step."""
    console = wide_console()
    print_table(console, "Notes from reading", record["notes"])
    for table in record["tables"]:
        print_table(console, table["title"], table["rows"])
    print_table(console, "Steps", shorten_steps(record["steps"]))


def show_end(record: Record, folder: Path, queries: str, change: str | None = None, on: str | None = None) -> None:
    """Print the last lines of a run: the score with its error over the ``queries``, as they are called, its ``change``
    against an earlier run; the submission, how to go ``on``, the report.
    """
    from common.day.report.page import PAGE  # `compare` needs no report

    cv, truth, metric = record["cv"], record["truth"], record["metric"]
    print_table(wide_console(), f"Models: {metric} on validation", record["ranking"])
    print()
    if record["notes"]:
        print(f"Notes from reading: {len(record['notes'])}, in the report")
    for warning in (record.get("summary") or {}).get("warnings", ()):
        print(f"WARNING: {warning}")
    print(f"CV: {metric} {cv['score']:.4f} +- {cv['error']:.4f} on {cv['queries']:,} {queries}")
    _say_fits(record)
    if change:
        print(change)
    if standing := describe_standing(record, ROOM / str(record.get("name"))):
        print(standing)
    if truth:
        share = truth["score"] / truth["oracle"]
        print(
            f"Simulated truth: {metric} {truth['score']:.4f} +- {truth['error']:.4f}, oracle {truth['oracle']:.4f},"
            f" share of the best possible {share:.1%}"
        )
    print(f"Wall time {record['wall_seconds']:.0f} s, peak memory {record['peak_mib'] / 1024:.2f} GiB")
    if on:
        print(f"Stopped after validation: no refit, no test, no submission, no diagnostics.\nTo continue: {on}")
    submission = record["submission"]
    if submission["paths"]:
        print(f"Submission: {' and '.join(submission['paths'])}, {submission['rows']:,} rows, checked")
        if choice := describe_boards(record):
            print(choice)
    print(f"Report: {(folder / PAGE).resolve().as_uri()}")


def _say_fits(record: Record) -> None:
    if fits := record.get("fits"):
        single = ", ".join(f"{score:.4f}" for score in fits)
        print(f"This is the mean of {len(fits)} fits with different seeds: {single}")


class Change(NamedTuple):
    """The earlier ``run`` that a run is held against, the ``settings`` that differ, and the ``gain``, paired."""

    run: Path
    settings: list[Record]
    gain: Difference


def describe_change(before: Path, after: Path) -> str:
    """The change of the score, query by query, against the last run of like settings, and which settings differ where
    none has the same; ``before`` is the run before.
    """
    change = find_change(after)
    if change is None:
        return f"{before.parent.name}/{before.name}, the run before, used different files or queries: no comparison."
    like, changed, gain = change
    which = "the run before" if like == before else "the last run with these settings"
    if changed:
        shown = [f"{row['setting']} {shorten(row['A'])} -> {shorten(row['B'])}" for row in changed[:SETTINGS_SHOWN]]
        more = f" and {len(changed) - SETTINGS_SHOWN} more" if len(changed) > SETTINGS_SHOWN else ""
        which = f"with other settings ({', '.join(shown)}{more})"
    return f"Against {like.parent.name}/{like.name}, {which}: {gain.sentence}"


def find_change(run: Path) -> Change | None:
    """Of the last runs before this one, on the same files by the same metric, the one whose settings differ least, the
    newest of several: a quick run is no change of a whole one. None where there is none with queries of both.
    """
    own = read_record(run / RECORD)
    earlier = sorted((path.parent for path in run.parent.glob(f"*/{RECORD}")), reverse=True)
    found = []
    for folder in [one for one in earlier if one.name < run.name][:LOOKED_BACK]:
        with contextlib.suppress(UserError):  # a damaged record
            other = read_record(folder / RECORD)
            alike = [((one["data"] or {}).get("digest"), one["metric"]) for one in (own, other)]
            if alike[0] == alike[1]:
                found.append((folder, list_changed_settings(other["config"], own["config"])))
    like, changed = min(found, key=lambda each: len(each[1]), default=(None, []))
    with contextlib.suppress(UserError):  # other queries, a damaged file
        return None if like is None else Change(like, changed, measure_difference(like, run))
    return None


def shorten(value: str) -> str:
    """A setting's value in a sentence."""
    value = value.replace(": ", ":")
    return value if len(value) <= VALUE_CHARS else value[: VALUE_CHARS - 1] + "…"
