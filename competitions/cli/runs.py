"""The verbs that read what runs left: ``runs`` lists them, ``compare`` sets two side by side, ``lb`` notes a score."""

from pathlib import Path
from typing import Annotated

import typer

from common.day import registry
from common.day.board import find_board, position
from common.day.record_schema import RECORD, Row, read_record
from common.engine.console import print_table, wide_console
from competitions import NAMES, ROOM, check_name
from competitions.cli.data import require_host_files
from competitions.cli.options import BUILD, Build, FirstRun, Name, RunName, SecondRun


def runs(
    name: Annotated[str | None, typer.Argument(help="One competition only.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Show at most this many, newest first.")] = 20,
    wide: Annotated[
        bool, typer.Option(help="Also oracle, rank on the board, data, code, memory and settings.")
    ] = False,
    build: Build = BUILD,
) -> None:
    """Every finished run, newest first, and how CV and leaderboard agree."""
    rows = registry.list_runs(registry.find_runs(build, [check_name(name)] if name else NAMES), ROOM)
    if not rows:
        print(f"No run in {build} yet: run `make {name or NAMES[0]}`.")
        return
    console = wide_console()
    tenths = [row | {"minutes": None if row["minutes"] is None else f"{row['minutes']:7.1f}"} for row in rows[:most]]
    shown = tenths if wide else [_shorten(row) for row in tenths]
    filled = {key for row in shown for key, value in row.items() if value is not None}
    shown = [{key: value for key, value in row.items() if key in filled} for row in shown]
    print_table(console, f"Runs, newest first ({len(shown)} of {len(rows)})", shown)
    print_table(
        console,
        "How CV and leaderboard agree: shift = leaderboard - CV, order = Kendall's tau (1: the same order)",
        registry.judge_agreement(rows),
    )
    if not wide:
        print("\nRank, data, code, memory and settings: --wide, or make runs ARGS=--wide")
    from common.day.runs_page.page import write_runs  # after the table: it reads the scores of every query

    every = rows if name is None else registry.list_runs(registry.find_runs(build, NAMES), ROOM)
    print(f"All runs, side by side: {write_runs(build, every).resolve().as_uri()}")


def _shorten(row: Row) -> Row:
    """What a terminal of 80 letters has room for."""
    known = [(row[key], of) for key, of in (("leaderboard", "board"), ("truth", "truth")) if row[key] is not None]
    score = None if row["CV"] is None else f"{row['CV']:.4f} +- {row['error'] or 0.0:.4f}"
    return {
        "run": row["run"],
        "note": row["note"],
        "CV": "damaged" if score is None and row["minutes"] is None else score,
        "truth or board": f"{known[0][0]:.4f} {known[0][1]}" if known else None,
        "minutes": row["minutes"],
    }


def compare(
    first: FirstRun = None,
    second: SecondRun = None,
    ab: Annotated[
        bool, typer.Option("--ab", help="As a live A/B test would see it, with the requests it needs.")
    ] = False,
    build: Build = BUILD,
) -> None:
    """What changed from run A to run B: settings, features, and scores with the error of the difference."""
    from common.day import compare as comparing

    one, other = registry.find_pair(build, NAMES, first, second)
    if ab:
        show_live_test(one, other)
        return
    comparison = comparing.compare(one, other)
    for letter, run in zip("AB", (one, other), strict=True):
        note = read_record(run / RECORD).get("note")
        print(f"{letter} = {run}{f' ({note})' if note else ''}")
    for warning in comparison.warnings:
        print(f"Note: {warning}.")
    for title, rows in comparison.tables.items():
        print_table(wide_console(), title, rows)
    if comparison.truth:
        print(f"\nOn the simulated truth: B - A = {comparison.truth.sentence}")
    print(f"\nB - A = {comparison.difference.sentence}")


def replay(name: Name, first: FirstRun = None, second: SecondRun = None, build: Build = BUILD) -> None:
    """The same as compare --ab: two runs as a live A/B test would see them."""
    show_live_test(*registry.find_pair(build, [check_name(name)], first or name, second))


def show_live_test(one: Path, other: Path) -> None:
    """Print the difference of two runs as a live test would see it, and as measured on the same queries."""
    from common.day.compare import simulate_live_test

    title, rows, lines = simulate_live_test(one, other)
    print(f"A = {one}\nB = {other}")
    print_table(wide_console(), title, rows)
    print("", *lines, sep="\n")


def lb(
    run: RunName,
    score: Annotated[float, typer.Argument(help="The score that the leaderboard shows.")],
    build: Build = BUILD,
) -> None:
    """Record the leaderboard score of a run's submission, and show the known scores around it."""
    from competitions.cli.report import write_page

    folder = registry.find_run(build, NAMES, run)
    registry.require_submission(folder)
    before = read_record(folder / RECORD)
    require_host_files(before, before["name"], folder)
    record = registry.note_leaderboard(folder, score)
    write_page(folder)
    cv = record["cv"]
    print(
        f"{record['name']}/{record['run']}: CV {cv['score'] or 0.0:.4f} +- {cv['error'] or 0.0:.4f},"
        f" leaderboard {score:.4f}, recorded"
    )
    board = find_board(record, ROOM / record["name"])
    if board is not None:
        print(f"{score:.4f} lies {position(score, board)}")


def report(run: Annotated[str, typer.Argument(help="A run, as for compare.")] = "last", build: Build = BUILD) -> None:
    """Rewrite the report of a run, with newer studies and ladders."""
    from competitions.cli.report import write_page

    print(f"Report: {write_page(registry.find_run(build, NAMES, run)).resolve().as_uri()}")
