"""What ``run`` does: the pipeline on the raw files, its record, its report, and the closing lines."""

import atexit
import contextlib
import datetime
import math
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.day.hosts.simulated import check_memory, is_simulated
from common.day.hosts.verify import name_difference
from common.day.judged import write_record
from common.day.record_schema import RECORD
from common.day.run_record import Origin
from common.day.stamp import label_data, make_stamp
from common.day.tuning.tuned_config import list_foreign
from common.engine.cluster import connect
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Run, prune
from competitions import find_competition
from competitions.cli.closing import show_end
from competitions.cli.data import copy_submission, find_source
from competitions.cli.fits import judge_fits
from competitions.cli.options import CV, RunOptions
from competitions.cli.report import write_page
from competitions.cli.settings import load_inputs

KILLED_S = 3_600  # since a run without a record last wrote: no living one takes so long to judge its scores
STAMP = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}")


def execute(options: RunOptions) -> None:
    """Run the pipeline, whole or up to the score on validation, and say what came of it."""
    began, started, stamp_of_run = time.perf_counter(), datetime.datetime.now(), make_stamp()
    if options.until not in (None, CV):
        raise UserError(f"There is no stage {options.until!r} to stop after: leave --until out, or use --until {CV}.")
    if not options.any_memory:
        check_memory(find_competition(options.name).host, options.raw, options.scale)
    if options.seeds is not None:
        options = replace(options, words=[*(options.words or []), f"fits={options.seeds}"])
    inputs = load_inputs(options)
    competition, config, files = inputs.competition, inputs.config, inputs.files
    cv_only = competition.explain_cv_only(files)
    until = CV if cv_only else options.until
    build, overrides = options.build / options.name, options.overrides
    work = Run(build / stamp(started), build / "cache")
    remove_unrecorded((path for path in build.glob("*") if STAMP.fullmatch(path.name)), time.time() - KILLED_S)
    atexit.register(remove_unrecorded, [work.folder], math.inf)
    try:
        with connect(options.cluster, work.cache) as work.cluster:
            outcome = (competition.validate if until else competition.solve)(files, config, work)
            judged, fits = judge_fits(outcome, inputs, work)
    finally:
        with contextlib.suppress(OSError):
            work.folder.rmdir()  # goes only while it is empty: a run that was refused leaves nothing
    work.cluster = None  # what follows is made here
    # A real truth file is read by ``score`` alone: only the simulator's is scored against here.
    simulated = is_simulated(inputs.folder)
    truth = competition.score_truth(outcome, inputs.folder) if simulated and not until else None
    differs = None if simulated else name_difference(inputs.folder, find_source(options.name).layouts)
    origin = Origin(
        options.name, inputs.folder, files, simulated, config, overrides, inputs.tuned, started, until, bool(cv_only),
        differs, options.note, stamp_of_run, label_data(inputs.folder, competition.host.scale),
    )  # fmt: skip
    record = write_record(work, origin, replace(judged, fits=fits), truth, began)
    if kept := sum(step.kept for step in work.timings):
        say(f"  {kept} {'step' if kept == 1 else 'steps'} kept")
    prune(build / "cache", config.keep_gib, started.timestamp())
    close(record, work.folder, options, cv_only)
    foreign = list_foreign(competition.tuned, record["data"]["digest"]) if inputs.tuned and not simulated else []
    if foreign:
        print(
            f"tuned.toml has settings from other files ({', '.join(foreign)}): "
            f"`make tune-{options.name}` tunes on these, --untuned ignores it."
        )


def remove_unrecorded(folders: Iterable[Path], before: float) -> None:
    """Remove folders of runs that were ended between their submission and their record, and were last changed
    ``before`` a time.
    """
    for folder in folders:
        if folder.is_dir() and not (folder / RECORD).exists() and folder.stat().st_mtime < before:
            shutil.rmtree(folder, ignore_errors=True)


def close(record: dict[str, Any], folder: Path, options: RunOptions, cv_only: str | None) -> None:
    """Write the report of a run and say what came of it."""
    write_page(folder)
    python = os.path.relpath(sys.executable) if Path(sys.executable).is_relative_to(Path.cwd()) else sys.executable
    on = shlex.join([python, "-m", "competitions", *list_words(sys.argv[1:])])
    queries = find_competition(options.name).queries
    show_end(record, folder, queries, on if record.get("until") and not cv_only else None)
    if copies := copy_submission(record, folder.parent):
        print(f"To upload: {' or '.join(map(str, copies))}, a copy of this run's")
    if cv_only:
        print(f"Stopped after validation: {cv_only}")


def list_words(typed: Sequence[str]) -> list[str]:
    """The words of a command line without ``--until`` and its stage: those of the same run, whole."""
    return [
        word
        for before, word in zip(["", *typed], typed, strict=False)
        if before != "--until" and not word.startswith("--until")
    ]


def stamp(moment: datetime.datetime) -> str:
    """The name of a run: its time to the millisecond, so that two runs have two folders."""
    return moment.strftime("%Y%m%d-%H%M%S-%f")[:-3]
