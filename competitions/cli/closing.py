"""The end of a run on the console: the score, what changed, and what a person opens next."""

from pathlib import Path

from common.day.board import describe_standing
from common.day.compare import find_change
from common.day.record_schema import RunRecord
from common.engine.console import print_table, wide_console
from competitions import ROOM

ALONE = "No earlier run to compare with: none has the same files, queries and kind of settings (quick or whole)."


def show_end(record: RunRecord, folder: Path, queries: str) -> None:
    """Print the last lines of a run: the score with its error over the ``queries``, as they are called, its change
    against the most similar earlier run; the submission, the report.
    """
    from common.day.report.page import REPORT_PAGE  # `compare` needs no report

    cv, truth, metric = record.cv, record.truth, record.metric
    models = [{"model": row.name, "score": row.score, "error": row.error} for row in record.ranking]
    print_table(wide_console(), f"Models: {metric} on validation", models)
    print()
    if record.notes:
        print(f"Notes from reading: {len(record.notes)}, in the report")
    for warning in record.summary.get("warnings", ()):
        print(f"WARNING: {warning}")
    print(f"CV: {metric} {cv.score:.4f} +- {cv.error:.4f} on {cv.queries:,} {queries}")
    if record.fits:
        single = ", ".join(f"{score:.4f}" for score in record.fits)
        print(f"This is the mean of {len(record.fits)} fits with different seeds: {single}")
    change = find_change(folder)
    print(change.sentence if change else ALONE)
    if standing := describe_standing(record, ROOM / record.name):
        print(standing)
    if truth:
        print(
            f"Simulated truth: {metric} {truth.score:.4f} +- {truth.error:.4f}, oracle {truth.oracle:.4f},"
            f" share of the best possible {truth.score / truth.oracle:.1%}"
        )
    print(f"Wall time {record.wall_seconds:.0f} s, peak memory {record.peak_mib / 1024:.2f} GiB")
    if record.submission.paths:
        board = f", for board {record.summary['board']}" if record.summary.get("board") else ""
        print(f"Submission: {' and '.join(record.submission.paths)}, {record.submission.rows:,} rows, checked{board}")
    print(f"Report: {(folder / REPORT_PAGE).resolve().as_uri()}")
