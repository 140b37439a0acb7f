"""Verbs that work on raw files: run the pipeline, simulate files, climb the ladder, check and score a submission."""

import contextlib
import datetime
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from common.datasets.simulated import is_simulated
from common.experiments.board import describe_place, find_board
from common.experiments.registry import find_runs
from common.experiments.run_record import RECORD, Origin, write_record
from common.pipeline.console import print_table, shorten_steps, wide_console
from common.pipeline.run import Run, prune
from common.tuning.tuned_config import list_foreign
from competitions import NAMES, ROOM, find_competition
from competitions.cli.options import Build, Law, Name, Overrides, Raw, Scale, Seed, Submission, Truth, takes
from competitions.cli.report import write_page

STAMP = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}")


@dataclass(frozen=True)
class RunOptions:
    """The options of ``run``."""

    name: Name
    raw: Raw = None
    scale: Scale = None
    seed: Seed = 0
    law: Law = None
    build: Build = Path("build")
    overrides: Overrides = None
    untuned: Annotated[bool, typer.Option("--untuned", help="Leave tuned.toml aside.")] = False
    cluster: Annotated[
        str | None,
        typer.Option(envvar="RECSYS_CLUSTER", help="A Dask scheduler: boosted trees are fitted on its workers."),
    ] = None


@takes(RunOptions)
def run(options: RunOptions) -> None:
    """Raw files to a checked submission, with a closing summary.

    The submission is written and checked before anything is reported, and the record before it is shown.
    """
    from common.cluster import connect  # with all libraries of a fit

    began, started = time.perf_counter(), datetime.datetime.now()
    competition = find_competition(options.name).under_law(options.law)
    build, overrides = options.build / options.name, options.overrides or []
    config = competition.load_config([f"seed={options.seed}", *overrides], not options.untuned)
    raw = competition.choose_raw(options.raw, options.scale, config.seed, options.build)
    files = competition.locate(raw, config)
    work = Run(build / name_run(started, options.build), build / "cache")
    try:
        with connect.use(options.cluster):
            outcome = competition.solve(files, config, work)
    finally:
        with contextlib.suppress(OSError):
            work.folder.rmdir()  # goes only while it is empty: a run that was refused leaves nothing
    # A real truth file is read by ``score`` alone: only the simulator's is scored against here.
    truth = competition.score_truth(outcome, raw) if is_simulated(raw) else None
    origin = Origin(options.name, raw, files, truth is not None, config, overrides, not options.untuned, started)
    report = competition.build_record(outcome, config, truth, work)
    record = write_record(work, origin, report, time.perf_counter() - began)
    write_page(work.folder)
    prune(build / "cache", config.keep_gib)
    show(record, competition.queries, work.folder / RECORD)
    foreign = [] if options.untuned or truth else list_foreign(competition.tuned, record["data"]["digest"])
    if foreign:
        print(
            f"tuned.toml holds settings that were found on other files ({', '.join(foreign)}): "
            f"`make tune-{options.name}` searches on these, --untuned leaves it aside."
        )


def name_run(started: datetime.datetime, build: Path) -> str:
    """The stamp of a run, behind that of every other: after a clock went back, the newest run is still the last."""
    newest = max((folder.name for folder in find_runs(build, NAMES) if STAMP.fullmatch(folder.name)), default="")
    if stamp(started) > newest:
        return stamp(started)
    return stamp(datetime.datetime.strptime(newest, "%Y%m%d-%H%M%S-%f") + datetime.timedelta(milliseconds=1))


def stamp(moment: datetime.datetime) -> str:
    """The name of a run: its time to the millisecond, so that two runs have two folders."""
    return moment.strftime("%Y%m%d-%H%M%S-%f")[:-3]


def show(record: dict[str, Any], queries: str, path: Path) -> None:
    """Print the closing summary of a run; run.json has every step and more digits."""
    console = wide_console()
    print_table(console, "Notes from reading", record["notes"])
    for table in record["tables"]:
        print_table(console, table["title"], table["rows"])
    print_table(console, "Steps", shorten_steps(record["steps"]))
    cv, truth, metric = record["cv"], record["truth"], record["metric"]
    print(f"\nCV: {metric} {cv['score']:.4f} +- {cv['error']:.4f} on {cv['queries']:,} {queries}")
    if board := find_board(record, ROOM / str(record.get("name"))):
        print(describe_place(record, board))
    if truth:
        share = truth["score"] / truth["oracle"]
        print(
            f"Simulated truth: {metric} {truth['score']:.4f} +- {truth['error']:.4f}, oracle {truth['oracle']:.4f},"
            f" share reached {share:.1%}"
        )
    print(f"Wall time {record['wall_seconds']:.0f} s, peak memory {record['peak_mib'] / 1024:.2f} GiB")
    submission = record["submission"]
    print(f"Submission: {' and '.join(submission['paths'])}, {submission['rows']} rows, checked")
    print(f"Summary: {path}")


def simulate(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="Folder to write; default build/NAME/simulated/...")] = None,
    scale: Scale = None,
    seed: Seed = 0,
    law: Law = None,
    build: Build = Path("build"),
    describe: Annotated[bool, typer.Option(help="Print the marginals beside the host's.")] = False,
) -> None:
    """Write raw files of any size in the host's layout, with the truth and the oracle's score."""
    competition = find_competition(name).under_law(law)
    folder, simulation = competition.simulate(out, scale, seed, build)
    print(f"{folder}: {simulation.rows}")
    print(competition.describe_oracle(simulation))
    if describe:
        print_table(wide_console(), "Simulated beside the documented", competition.describe(folder).to_dicts())


def ladder(
    name: Name,
    raw: Raw = None,
    scale: Scale = None,
    seed: Seed = 0,
    law: Law = None,
    build: Build = Path("build"),
    overrides: Overrides = None,
) -> None:
    """What each channel, feature block and model adds, on the same split (minutes)."""
    competition = find_competition(name).under_law(law)
    config = competition.load_config([f"seed={seed}", *(overrides or [])])
    folder = competition.choose_raw(raw, scale, seed, build)
    work = Run(build / name / "ladder", build / name / "cache")
    rows = competition.climb(competition.locate(folder, config), config, work)
    title = f"Ladder, {competition.metric} on validation: each rung adds to the one above it"
    print_table(wide_console(), title, rows)


def check(name: Name, submission: Submission, raw: Raw = None) -> None:
    """Check a submission file against the raw files it answers."""
    competition = find_competition(name)
    checked = competition.check(submission, competition.locate_known(raw))
    print(f"{checked.path}: {checked.rows} rows, valid. Checked: {'; '.join(checked.rules)}.")


def score(name: Name, submission: Submission, truth: Truth, raw: Raw = None) -> None:
    """Score a submission file against a truth file: every metric."""
    competition = find_competition(name)
    files = competition.locate_known(raw) if raw is not None else None
    for metric, value in competition.score(submission, truth, files).items():
        print(f"{metric:24s} {value:.4f}")
