"""Verbs that work on raw files: run the pipeline, simulate files, climb the ladder, check and score a submission."""

import contextlib
import datetime
import os
import re
import shlex
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from common.day.hosts.simulated import check_memory, is_simulated
from common.day.judged import write_record
from common.day.registry import find_runs
from common.day.rerun import adds_nothing
from common.day.run_record import RECORD, Origin, read_record
from common.day.tuning.tuned_config import list_foreign
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Run, prune
from competitions import NAMES, find_competition
from competitions.cli.closing import Closing, describe_change, show_end, show_tables
from competitions.cli.options import Build, Law, Name, Overrides, Raw, Scale, Seed, Submission, Truth, takes
from competitions.cli.report import write_page
from competitions.cli.settings import load_settings

CV = "cv"  # the stage that ends with the score on validation
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
    until: Annotated[str | None, typer.Option(help=f"Stop early; {CV}: after validation, without a submission.")] = None
    tables: Annotated[bool, typer.Option("--tables", help="Print the report's tables as well.")] = False
    cluster: Annotated[
        str | None,
        typer.Option(envvar="RECSYS_CLUSTER", help="A Dask scheduler: boosted trees are fitted on its workers."),
    ] = None
    any_memory: Annotated[bool, typer.Option("--any-memory", help="Start even where the memory looks too small.")] = (
        False
    )


@takes(RunOptions)
def run(options: RunOptions) -> None:
    """Raw files to a checked submission, with a closing summary.

    The submission is written and checked before anything is reported, and the record before it is shown. A run that
    adds nothing to the one before it says so, and is not kept.
    """
    from common.day.cluster import connect  # with all libraries of a fit

    began, started = time.perf_counter(), datetime.datetime.now()
    competition = find_competition(options.name).under_law(options.law)
    if options.until not in (None, CV):
        raise UserError(f"There is no stage {options.until!r} to stop after: leave --until out, or say --until {CV}.")
    build, overrides = options.build / options.name, options.overrides or []
    config = competition.load_config([f"seed={options.seed}", *overrides], not options.untuned)
    if not options.any_memory:
        check_memory(competition.host, options.raw, options.scale)
    raw = competition.choose_raw(options.raw, options.scale, config.seed, options.build)
    files = competition.locate(raw, config)
    tuned = False
    if not options.untuned:
        words = [f"seed={options.seed}", *overrides]
        config, tuned = load_settings(competition, raw, files, words, build / "cache")
    cv_only = competition.explain_cv_only(files)
    until = CV if cv_only else options.until
    before = next(iter(find_runs(options.build, [options.name])), None)
    work = Run(build / name_run(started, options.build), build / "cache")
    try:
        with connect.use(options.cluster):
            outcome = (competition.validate if until else competition.solve)(files, config, work)
    finally:
        with contextlib.suppress(OSError):
            work.folder.rmdir()  # goes only while it is empty: a run that was refused leaves nothing
    # A real truth file is read by ``score`` alone: only the simulator's is scored against here.
    simulated = is_simulated(raw)
    truth = competition.score_truth(outcome, raw) if simulated and not until else None
    origin = Origin(options.name, raw, files, simulated, config, overrides, tuned, started, until, bool(cv_only))
    record = write_record(work, origin, competition.judge(outcome, config), truth, began)
    say_kept(work)
    prune(build / "cache", config.keep_gib)
    shown = replace(options, until=None) if cv_only else options  # there is nothing to go on with
    closing = close(record, work.folder, before, competition.queries, shown)
    write_page(closing.folder)
    if options.tables:
        show_tables(record)
    show_end(closing)
    if cv_only:
        print(f"Stopped after validation: {cv_only}")
    foreign = list_foreign(competition.tuned, record["data"]["digest"]) if tuned and not simulated else []
    if foreign:
        print(
            f"tuned.toml holds settings that were found on other files ({', '.join(foreign)}): "
            f"`make tune-{options.name}` searches on these, --untuned leaves it aside."
        )


def say_kept(work: Run) -> None:
    """How many steps were found done, in one line."""
    if kept := sum(step.kept for step in work.timings):
        say(f"  {kept} {'step' if kept == 1 else 'steps'} kept")


def close(record: dict[str, Any], folder: Path, before: Path | None, queries: str, options: RunOptions) -> Closing:
    """What the console says at the end. A run that adds nothing to the one before leaves no folder."""
    python = os.path.relpath(sys.executable) if Path(sys.executable).is_relative_to(Path.cwd()) else sys.executable
    again = shlex.join([python, "-m", "competitions", *list_words(options)]) if options.until else None
    if before is not None and adds_nothing(before, folder):
        shutil.rmtree(folder)
        earlier = read_record(before / RECORD)
        shown = earlier | {key: record[key] for key in ("wall_seconds", "peak_mib")}
        on = again if earlier.get("until") else None
        return Closing(shown, before, queries, on=on, unchanged=f"{before.parent.name}/{before.name}")
    change = None if before is None else describe_change(before, folder)
    return Closing(record, folder, queries, change, again)


def list_words(options: RunOptions) -> list[str]:
    """The words of the command line that ask for the same run, whole."""
    words = ["run", options.name]
    given = {"--raw": options.raw, "--scale": options.scale, "--law": options.law, "--cluster": options.cluster}
    given |= {"--seed": options.seed or None, "--build": options.build if options.build != Path("build") else None}
    words += [word for option, value in given.items() if value is not None for word in (option, str(value))]
    words += [word for setting in options.overrides or [] for word in ("--set", setting)]
    return words + ["--untuned"] * options.untuned


def name_run(started: datetime.datetime, build: Path) -> str:
    """The stamp of a run, behind that of every other: after a clock went back, the newest run is still the last."""
    newest = max((folder.name for folder in find_runs(build, NAMES) if STAMP.fullmatch(folder.name)), default="")
    if stamp(started) > newest:
        return stamp(started)
    return stamp(datetime.datetime.strptime(newest, "%Y%m%d-%H%M%S-%f") + datetime.timedelta(milliseconds=1))


def stamp(moment: datetime.datetime) -> str:
    """The name of a run: its time to the millisecond, so that two runs have two folders."""
    return moment.strftime("%Y%m%d-%H%M%S-%f")[:-3]


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
    files, words = competition.locate(folder, config), [f"seed={seed}", *(overrides or [])]
    config, _ = load_settings(competition, folder, files, words, build / name / "cache")
    work = Run(build / name / "ladder", build / name / "cache")
    rows = competition.climb(files, config, work)
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
