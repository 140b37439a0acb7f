"""What ``run`` does: the pipeline on the raw files, its record, its report, and the closing lines."""

import contextlib
import datetime
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from common.day.hosts.simulated import check_memory, is_simulated
from common.day.hosts.verify import name_difference
from common.day.judged import Judged, write_record
from common.day.record_schema import RECORD, RunRecord, RunStart
from common.day.report.page import write_report
from common.day.revision import find_revision
from common.day.run_record import describe_data
from common.day.stamp import make_stamp
from common.day.tuning.tuned_config import list_foreign
from common.engine.cluster import connect
from common.engine.errors import UserError
from common.engine.meter import count_threads
from common.engine.progress import say
from common.engine.run import Run, prune
from competitions import ROOM, find_competition
from competitions.cli.closing import show_end
from competitions.cli.data import copy_submission, find_source
from competitions.cli.fits import judge_fits
from competitions.cli.options import CV, RunOptions
from competitions.cli.settings import Inputs, load_inputs

KILLED_S = 3_600  # since a run without a record last wrote: no living one takes so long to judge its scores
RUN_NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}")


def execute(options: RunOptions) -> None:
    """Run the pipeline, whole or up to the score on validation, and say what came of it."""
    began, started, stamp = time.perf_counter(), datetime.datetime.now(), make_stamp()
    if options.until not in (None, CV):
        raise UserError(f"There is no stage {options.until!r} to stop after: leave --until out, or use --until {CV}.")
    if not options.any_memory:
        check_memory(find_competition(options.name).host, options.raw, options.scale)
    inputs, build = load_inputs(options), options.build / options.name
    competition, folder, simulated = inputs.competition, inputs.folder, is_simulated(inputs.folder)
    cv_only = competition.explain_cv_only(inputs.files)
    until = CV if cv_only else options.until
    with open_run(build, started) as work:
        outcome, judged = solve_and_judge(inputs, work, until, options.cluster)
        # A real truth file is read by ``score`` alone: only the simulator's is scored against here.
        truth = competition.score_truth(outcome, folder) if simulated and not until else None
        data = describe_data(
            folder,
            inputs.files,
            work.cache,
            sample=bool(cv_only),
            differs=None if simulated else name_difference(folder, find_source(options.name).layouts),
        )
        start = RunStart(
            name=options.name,
            run=work.folder.name,
            data=data,
            config=msgspec.to_builtins(inputs.config),
            note=options.note,
            started=started.isoformat(timespec="seconds"),
            stamp=stamp,
            code=find_revision(),
            threads=count_threads(),
            overrides=options.overrides,
            tuned=inputs.tuned,
            until=until,
        )
        record = write_record(work, start, judged, truth, began)
    if kept := sum(step.kept for step in work.timings):
        say(f"  {kept} {'step' if kept == 1 else 'steps'} kept")
    prune(work.cache, inputs.config.keep_gib, started.timestamp())
    write_report(work.folder, ROOM)
    show_end(record, work.folder, competition.queries, write_command() if record.until and not cv_only else None)
    say_further(record, work.folder, inputs, cv_only)


@contextlib.contextmanager
def open_run(build: Path, started: datetime.datetime) -> Iterator[Run]:
    """A run in a folder of its own below ``build``, named by its time to the millisecond, so that two runs have two.

    The folder goes again where the run ends without a record, however it ends; so do those of runs that were killed.
    """
    for path in build.glob("*"):
        if RUN_NAME.fullmatch(path.name) and path.is_dir() and path.stat().st_mtime < time.time() - KILLED_S:
            remove_unrecorded(path)
    work = Run(build / started.strftime("%Y%m%d-%H%M%S-%f")[:-3], build / "cache")
    try:
        yield work
    finally:
        remove_unrecorded(work.folder)


def remove_unrecorded(folder: Path) -> None:
    """Remove the folder of a run that was ended before its record."""
    if not (folder / RECORD).exists():
        shutil.rmtree(folder, ignore_errors=True)


def solve_and_judge(inputs: Inputs, work: Run, until: str | None, cluster: str | None) -> tuple[Any, Judged]:
    """The pipeline's outcome, and what the run reports of it and of its further fits."""
    solve = inputs.competition.validate if until else inputs.competition.solve
    with connect(cluster, work.cache) as work.cluster:
        outcome = solve(inputs.files, inputs.config, work)
        judged, fits = judge_fits(outcome, inputs, work)
    work.cluster = None  # what follows is made here
    return outcome, replace(judged, fits=fits)


def say_further(record: RunRecord, folder: Path, inputs: Inputs, cv_only: str | None) -> None:
    """Where the submission lies to be uploaded, why there is none, and whether settings are from other files."""
    if copies := copy_submission(record, folder.parent):
        print(f"To upload: {' or '.join(map(str, copies))}, a copy of this run's")
    if cv_only:
        print(f"Stopped after validation: {cv_only}")
    if not inputs.tuned or record.data.simulated:
        return
    if foreign := list_foreign(inputs.competition.tuned, record.data.digest):
        print(
            f"tuned.toml has settings from other files ({', '.join(foreign)}): "
            f"`make tune-{record.name}` tunes on these, --untuned ignores it."
        )


def write_command() -> str:
    """The command that was typed without ``--until`` and its stage: that of the same run, whole."""
    python = os.path.relpath(sys.executable) if Path(sys.executable).is_relative_to(Path.cwd()) else sys.executable
    return shlex.join([python, "-m", "competitions", *list_words(sys.argv[1:])])


def list_words(typed: Sequence[str]) -> list[str]:
    """The words of a command line without ``--until`` and its stage."""
    return [
        word
        for before, word in zip(["", *typed], typed, strict=False)
        if before != "--until" and not word.startswith("--until")
    ]
