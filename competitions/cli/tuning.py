"""What ``tune`` does: a study a task, filled by this process and others on its storage, judged, kept where it gains."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from optuna import Study

from common.day.hosts.simulated import is_simulated
from common.day.run_record import digest_files
from common.day.tuning.study import (
    count_finished,
    fill,
    fingerprint,
    open_storage,
    open_study,
    show_storage,
    write_study,
)
from common.day.tuning.task import Task, Verdict, describe_need, judge_settings, judge_study
from common.day.tuning.tuned_config import write_tuned
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Run, prune
from competitions import find_competition, find_room
from competitions.cli.options import TuneOptions
from competitions.cli.settings import Inputs, load_inputs

MOST_MINUTES = 100_000


def tune_all(options: TuneOptions) -> None:
    """Fill a study of each task, and say what each gained. The minutes count from here; each study that is left gets an
    equal share of them for its trials.
    """
    began = time.monotonic()
    if options.minutes is not None and not options.minutes <= MOST_MINUTES:  # nan too
        raise UserError(f"--minutes is {options.minutes}: give at most {MOST_MINUTES}, or leave it out.")
    inputs = load_inputs(options)
    options = replace(options, raw=inputs.folder, scale=None, law=None)  # the files are chosen, and printed, once
    known: list[str] = find_room(options.name, "day.tune").list_tasks(inputs.config)
    for one in options.tasks or []:
        if one not in known:
            raise UserError(f"There is no {one} to tune in {options.name}: choose {', '.join(known)}.")
    names, verdicts = options.tasks or known, list[Verdict]()
    for number, name in enumerate(names):
        verdicts.append(tune_one(options, name, began, len(names) - number))
    show_studies(options, verdicts, time.monotonic() - began)


def tune_one(options: TuneOptions, name: str, began: float, left: int) -> Verdict:
    """Fill a study, one of so many that are ``left``; judge its best, keep what gains."""
    inputs, run, task, study = prepare_study(options, name)
    say(f"  study {study.study_name} in {show_storage(options.storage, run.folder)}")
    if task.rows:
        say(f"  {name}: a trial trains on {task.rows}; the best settings are tested on all rows")
    today = judge_settings(task, task.current)
    say(f"  {name}: {describe_need(task, today)}")
    if done := count_finished(study):
        say(f"  {study.study_name}: continues after {done} finished trials")
    seconds = None if options.minutes is None else max(began + 60 * options.minutes - time.monotonic(), 0) / left
    if options.workers > 1:
        threads = max((os.cpu_count() or 1) // options.workers, 1)
        say(f"  for {options.workers} processes, type the same in each terminal behind OMP_NUM_THREADS={threads}")
    fill(study, task, options.most_trials, seconds)
    verdict = judge_study(task, study, today)
    write_study(study, task, run.folder / f"{name}.json")
    if verdict.accepted:
        data = f"{'simulated ' * is_simulated(inputs.folder)}{digest_inputs(inputs, run)}"
        write_tuned(inputs.competition.tuned, options.name, verdict, data)
    prune(run.cache, inputs.config.keep_gib)
    say(f"  {name}: {verdict.before:.4f} -> {verdict.after:.4f}, {verdict.conclusion}")
    return verdict


def prepare_study(options: TuneOptions, name: str) -> tuple[Inputs, Run, Task, Study]:
    """The files and settings of a task, the run that keeps its steps, the task, its features made, and its study, whose
    name says by which files and settings.
    """
    inputs, build = load_inputs(options), options.build / options.name
    run = Run(build / "tuning", build / "cache")
    task: Task = find_room(options.name, "day.tune").make_task(name, inputs.files, inputs.config, run)
    title = f"{options.name}:{name}:{digest_inputs(inputs, run)}:{fingerprint(task)}"
    return inputs, run, task, open_study(open_storage(options.storage, run.folder), title, task, options.seed)


def digest_inputs(inputs: Inputs, run: Run) -> str:
    """Eight digits of the raw files."""
    return digest_files(inputs.files, run.cache)[:8]


def show_studies(options: TuneOptions, verdicts: Sequence[Verdict], elapsed: float) -> None:
    """Print what the studies found, what they cost, and how to look at them."""
    print_table(wide_console(), "Studies: best against current settings, on an unseen split", list_verdicts(verdicts))
    storage = show_storage(options.storage, options.build / options.name / "tuning")
    print(f"\n{elapsed:.0f} s; studies in {storage} (make dashboard shows them):")
    for verdict in verdicts:
        print(f"  {verdict.study}")
    kept = any(verdict.accepted for verdict in verdicts)
    print(f"Settings: {find_competition(options.name).tuned}" if kept else "The settings are unchanged")


def list_verdicts(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """One row per study: trials, and those that ended early; the gain with its error, on the unseen split and on the
    study's own folds.
    """
    return [
        {
            "task": verdict.task,
            "trials": verdict.trials,
            "ended early": verdict.pruned,
            "metric": verdict.metric,
            "before": verdict.before,
            "after": verdict.after,
            "gain": verdict.gain.mean,
            "error": verdict.gain.error,
            "gain on folds": verdict.fold_gain,
            "error on folds": verdict.fold_error,
            "comparison": verdict.conclusion,
        }
        for verdict in verdicts
    ]
