"""The verbs that read what runs left: ``runs`` lists them, ``compare`` sets two side by side, ``lb`` notes a score."""

from typing import Annotated

import typer

from common.day import registry
from common.day.board import find_board, position
from common.day.record_schema import RECORD, read_record
from common.engine.console import print_table, wide_console
from competitions import NAMES, ROOM, check_name
from competitions.cli.data import require_host_files
from competitions.cli.options import BUILD, Build, Name, RunName, Runs

SHOWN = 20  # runs in the terminal; the page has all


def runs(
    name: Annotated[str | None, typer.Argument(help="One competition only.")] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="Delete a run, as compare names it (repeatable); its board scores stay."),
    ] = None,
    build: Build = BUILD,
) -> None:
    """Every finished run, newest first, with its score on the leaderboard; what they take on the disk."""
    for folder in registry.remove_runs(build, NAMES, remove or []):
        print(f"Removed: {folder}")
    names = [check_name(name)] if name else NAMES
    folders = registry.find_runs(build, names)
    listed = registry.read_ledger(folders)
    if not listed:
        print(f"No run in {build} yet: run `make {names[0]}`.")
    rows = [registry.list_run(run) for run in listed[:SHOWN]]
    filled = {key for row in rows for key, value in row.items() if value is not None}
    shown = [{key: value for key, value in row.items() if key in filled} for row in rows]
    print_table(wide_console(), f"Runs, newest first ({len(shown)} of {len(listed)})", shown)
    print_table(wide_console(), f"On the leaderboard, and not in {build}", registry.list_gone(names, folders))
    if disk := registry.describe_disk(build, names):
        print(f"Disk: {disk}")
    if listed:
        from common.day.runs_page import write_runs  # after the tables: it reads the scores of every query

        every = registry.read_ledger(registry.find_runs(build, NAMES)) if name else listed
        print(f"All runs, side by side: {write_runs(build, every).resolve().as_uri()}")


def compare(several: Runs = None, build: Build = BUILD) -> None:
    """What changed from run A to run B: settings, features, and scores with the error of the difference. Of several
    runs a table, each beside the first.
    """
    from common.day import compare as comparing

    base, *runs = comparing.find_compared(build, NAMES, several or [])
    if len(runs) > 1:
        print_table(wide_console(), f"Beside {base}", comparing.compare_all(base, runs))
        return
    comparison = comparing.compare(base, runs[0])
    for letter, run in zip("AB", (base, *runs), strict=True):
        note = read_record(run / RECORD).note
        print(f"{letter} = {run}{f' ({note})' if note else ''}")
    for warning in comparison.warnings:
        print(f"Note: {warning}.")
    for title, rows in comparison.tables.items():
        print_table(wide_console(), title, rows)
    if comparison.truth:
        print(f"\nOn the simulated truth: B - A = {comparison.truth.sentence}")
    print(f"\nB - A = {comparison.difference.sentence}")


def base(name: Name, run: RunName = "last", build: Build = BUILD) -> None:
    """Choose the run that later runs of a competition are compared with, where they ask the same."""
    from common.day.compare import choose_base

    folder = registry.find_run(build, [check_name(name)], run)
    choose_base(folder)
    print(f"Later runs are compared with {folder}, where they have the same files and queries.")


def lb(
    run: RunName,
    score: Annotated[str, typer.Argument(help="The score that the leaderboard shows.")],
    build: Build = BUILD,
) -> None:
    """Record the leaderboard score of a run's submission, and show the known scores around it."""
    from common.day.report.page import write_report

    shown, folder = registry.parse_score(score), registry.find_run(build, NAMES, run)
    registry.require_submission(folder)
    record = read_record(folder / RECORD)
    require_host_files(record, folder)
    file, cv = registry.note_leaderboard(folder, shown), record.cv
    write_report(folder)
    print(f"{record.name}/{record.run}: CV {cv.score:.4f} +- {cv.error:.4f}, leaderboard {shown:.4f}, kept in {file}")
    board = find_board(record, ROOM / record.name)
    if board is not None:
        print(f"{shown:.4f} lies {position(shown, board)}")


def report(run: Annotated[str, typer.Argument(help="A run, as for compare.")] = "last", build: Build = BUILD) -> None:
    """Rewrite the report of a run: beside the runs that are there now, with the scores that were noted since."""
    from common.day.report.page import write_report

    print(f"Report: {write_report(registry.find_run(build, NAMES, run)).resolve().as_uri()}")
