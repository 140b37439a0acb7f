"""What ``run`` does: the pipeline on the raw files, its record, its report, and the closing lines."""

import contextlib
import datetime
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from common.day.board import describe_standing
from common.day.compare import find_change, find_reach
from common.day.hosts import find_basis
from common.day.hosts.simulated import check_memory, is_simulated
from common.day.record_schema import RECORD, RunRecord, RunStart, is_quick
from common.day.record_writer import RecordWriter
from common.day.report.page import REPORT_PAGE, write_report
from common.day.run_record import describe_data, digest_files
from common.day.stamp import find_revision, make_stamp
from common.engine.cluster import connect
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.resources import count_threads
from common.engine.run import Run, prune
from common.io.lock import KEPT, RUNNING, clear_drafts, hold, is_dead, is_kept, keep
from competitions import ROOM, find_competition
from competitions.cli.data import copy_submission
from competitions.cli.fits import add_fits
from competitions.cli.options import CV, RunOptions
from competitions.cli.settings import Inputs, load_inputs

INCOMPLETE = 3  # the exit code of a run whose submission is checked, or score is known, but whose report is not whole
ALONE = "No earlier run to compare with: none has the same files and queries, and other settings or code."
RUN_NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}")


def execute(options: RunOptions) -> None:
    """Run the pipeline, whole or up to the score on validation, and say what came of it."""
    began, started, stamp = time.perf_counter(), datetime.datetime.now().astimezone(), make_stamp()
    if options.until not in (None, CV):
        raise UserError(f"There is no stage {options.until!r} to stop after: leave --until out, or use --until {CV}.")
    check_memory(find_competition(options.name).under_law(options.law).host, options.raw, options.scale)
    inputs, build = load_inputs(options), options.build / options.name
    competition, folder, simulated = inputs.competition, inputs.folder, is_simulated(inputs.folder)
    cv_only = competition.explain_cv_only(inputs.files)
    until = CV if cv_only else options.until
    if reach := find_reach(build, digest_files(inputs.files, build / "cache"), is_quick(options.overrides)):
        say(f"  By the fits of the run before: {reach.reach}")
    with open_run(build, started) as work:
        writer, copies = RecordWriter(work, checked=not until, began=began), list[Path]()
        with contextlib.ExitStack() as cluster:
            work.cluster = cluster.enter_context(connect(options.cluster, work.cache))
            outcome = (competition.validate if until else competition.solve)(inputs.files, inputs.config, work)
            if not until:
                keep(work.folder)  # the submission is checked
                with writer.part("copy", "The copy of the submission to upload"):
                    copies = copy_submission(options.name, work.folder, find_basis(folder))
            with writer.part("score", "The score on validation"):
                judged = competition.judge(outcome, inputs.config)
                begin = RunStart(
                    name=options.name,
                    run=work.folder.name,
                    data=describe_data(folder, inputs.files, work.cache, sample=bool(cv_only)),
                    config=msgspec.to_builtins(inputs.config),
                    note=options.note,
                    started=started.isoformat(timespec="seconds"),
                    stamp=stamp,
                    code=find_revision(options.name),
                    threads=count_threads(),
                    overrides=options.overrides,
                    tuned=inputs.tuned,
                    until=until,
                )
                writer.begin(begin, judged)
            if writer.record:
                with writer.part("fits", "The further fits"):
                    judged = add_fits(judged, inputs, work)
                    writer.add_scores(judged)
            with writer.part("cluster", "The end of the work on the cluster"):
                cluster.close()
        work.cluster = None  # what follows is made here
        if writer.record:
            # A real truth file is read by ``score`` alone: only the simulator's is scored against here.
            if simulated and not until:
                with writer.part("truth", "The score on the simulated truth"):
                    writer.add_truth(competition.score_truth(outcome, folder))
            writer.add_evidence(judged)
            writer.add_lists(competition.blending, outcome)
            show_run(writer, inputs, cv_only, copies)
    end(writer.failed)


def end(failed: Sequence[str]) -> None:
    """Say which parts of the report failed, if any, and exit by that."""
    for sentence in failed:
        print(sentence, file=sys.stderr)
    if failed:
        sys.exit(INCOMPLETE)


def show_run(writer: RecordWriter, inputs: Inputs, cv_only: str | None, copies: Sequence[Path]) -> None:
    """What follows the record: room in the store, the page, the closing lines."""
    folder, competition = writer.run.folder, inputs.competition
    if kept := sum(step.kept for step in writer.run.timings):
        say(f"  {kept} {'step' if kept == 1 else 'steps'} kept")
    with writer.part("store", "The removal of old results"):
        prune(writer.run.cache, inputs.config.keep_gib)
    with writer.part("record", "The record of the run"):
        writer.finish()
    record = writer.record
    assert record
    with writer.part("report", "The report page"):
        write_report(folder)
    with writer.part("summary", "The closing summary"):
        show_end(record, folder, competition.queries)
        if copies:
            print(f"To upload: {' or '.join(map(str, copies))}, a copy of this run's")
        if record.until:
            print(f"Stopped after validation: {cv_only or 'the same command without --until goes on to a submission'}")


def show_end(record: RunRecord, folder: Path, queries: str) -> None:
    """Print the last lines of a run: the score with its error over the ``queries``, as they are called, its change
    against the most similar earlier run; the submission, the report.
    """
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
    change, reach = find_change(folder), find_reach(folder.parent, record.data.digest, record.is_quick)
    print(change.sentence if change else ALONE)
    if reach:
        print(f"With {len(record.fits)} fits each {reach.reach}")
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


@contextlib.contextmanager
def open_run(build: Path, started: datetime.datetime) -> Iterator[Run]:
    """A run in a folder of its own below ``build``, named by its universal time to the millisecond, so that two runs
    have two, and the last name is the last run's wherever the clocks stand.

    The folder goes again where the run ends before its submission is checked and before its record, however it ends;
    so do here those of runs that were killed, and what they were writing.
    """
    clear_drafts(build)
    for lock in (*build.glob(f"*/*{RUNNING}"), *build.glob(f"*/*{KEPT}")):
        if RUN_NAME.fullmatch(lock.parent.name) and is_dead(lock):
            clear_drafts(lock.parent)
            remove_unrecorded(lock.parent)
            lock.unlink(missing_ok=True)
    folder = build / started.astimezone(datetime.UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    with hold(folder):
        try:
            yield Run(folder, build / "cache")
        finally:
            remove_unrecorded(folder)


def remove_unrecorded(folder: Path) -> None:
    """Remove the folder of a run that was ended before there was anything to keep."""
    if not ((folder / RECORD).exists() or is_kept(folder)):
        shutil.rmtree(folder, ignore_errors=True)
