"""The end of a run on the console: its tables on request, the score, what changed, and what a person opens next."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.day.board import describe_position, find_board
from common.day.compare import Difference, compute_difference, pair_queries, read_records
from common.engine.console import print_table, shorten_steps, wide_console
from common.engine.errors import UserError
from competitions import ROOM

Record = dict[str, Any]


@dataclass(frozen=True)
class Closing:
    """What is said of a finished run beside its ``record``: its ``folder``, what its ``queries`` are, the ``change``
    against the run before, how to go ``on`` where it stopped early, and the run that it is no change of.
    """

    record: Record
    folder: Path
    queries: str
    change: str | None = None
    on: str | None = None
    unchanged: str | None = None


def show_tables(record: Record) -> None:
    """Print every table of the run; run.json has more digits, and every step."""
    console = wide_console()
    print_table(console, "Notes from reading", record["notes"])
    for table in record["tables"]:
        print_table(console, table["title"], table["rows"])
    print_table(console, "Steps", shorten_steps(record["steps"]))


def show_end(closing: Closing) -> None:
    """Print the last lines of a run: the score with its error and its change, the submission, the report."""
    from common.day.report.page import PAGE  # `compare` needs no report

    record = closing.record
    cv, truth, metric = record["cv"], record["truth"], record["metric"]
    print_table(wide_console(), f"Models: {metric} on validation", record["ranking"])
    print()
    if closing.unchanged:
        print(f"Unchanged: nothing was computed, and every score is that of {closing.unchanged}, which stays the last.")
    elif record["notes"]:
        print(f"Notes from reading: {len(record['notes'])}, in the report")
    for warning in (record.get("summary") or {}).get("warnings", ()):
        print(f"WARNING: {warning}")
    print(f"CV: {metric} {cv['score']:.4f} +- {cv['error']:.4f} on {cv['queries']:,} {closing.queries}")
    if closing.change and not closing.unchanged:
        print(closing.change)
    if board := find_board(record, ROOM / str(record.get("name"))):
        print(describe_position(record, board))
    if truth:
        share = truth["score"] / truth["oracle"]
        print(
            f"Simulated truth: {metric} {truth['score']:.4f} +- {truth['error']:.4f}, oracle {truth['oracle']:.4f},"
            f" share reached {share:.1%}"
        )
    print(f"Wall time {record['wall_seconds']:.0f} s, peak memory {record['peak_mib'] / 1024:.2f} GiB")
    if closing.on:
        print(f"Stopped after validation: no refit, no test, no submission, no diagnostics.\nGo on: {closing.on}")
    submission = record["submission"]
    if submission["paths"]:
        print(f"Submission: {' and '.join(submission['paths'])}, {submission['rows']:,} rows, checked")
    print(f"Report: {(closing.folder / PAGE).resolve().as_uri()}")


def describe_change(before: Path, after: Path) -> str | None:
    """The change of the score against the run before, query by query; None where the two cannot be compared."""
    try:
        one, other = read_records(before, after)
        gain = compute_difference(pair_queries(before, after)) if one["metric"] == other["metric"] else None
    except UserError:  # other files, other queries, a damaged record
        gain = None
    if gain is None:
        return f"{before.parent.name}/{before.name}, the run before, has no query of the same files: no change to tell."
    return f"Against {before.parent.name}/{before.name}, the run before: {describe_gain(gain)}"


def describe_gain(gain: Difference) -> str:
    """A paired difference in words."""
    return (
        f"{gain.mean:+.4f} +- {gain.error:.4f} on {gain.queries} queries of both, {gain.changed} of them scored"
        f" differently: {gain.verdict}"
    )
