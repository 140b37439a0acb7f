"""What ``tune`` does: a study a task, filled by this process and others on its storage, judged, kept where it gains."""

import time
from collections.abc import Sequence
from dataclasses import replace

from optuna.storages import BaseStorage

from common.day.hosts.simulated import is_simulated
from common.day.run_record import digest_files
from common.day.tuning.study import count_finished, fill, fingerprint, open_storage, open_study, show_storage
from common.day.tuning.task import Task, Verdict, judge_params, judge_study
from common.day.tuning.tuned_config import write_tuned
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Run, prune
from common.io.lock import hold
from competitions import find_competition, find_room
from competitions.cli.options import TuneOptions
from competitions.cli.settings import load_inputs


def tune_all(options: TuneOptions) -> None:
    """Fill a study of each task, and say what each gained. The minutes count from here; each study that is left gets an
    equal share of them for its trials.
    """
    began = time.monotonic()
    storage = open_storage(options.storage, options.build / options.name / "tuning")
    inputs, build = load_inputs(options), options.build / options.name
    options = replace(options, raw=inputs.folder, scale=None, law=None)  # the files are chosen, and printed, once
    known: list[str] = find_room(options.name, "day.tune").list_tasks(inputs.config)
    for one in options.tasks or []:
        if one not in known:
            raise UserError(f"There is no {one} to tune in {options.name}: choose {', '.join(known)}.")
    names, verdicts = options.tasks or known, list[Verdict]()
    for number, name in enumerate(names):
        with hold(build / "tuning"):
            verdicts.append(tune_one(options, name, storage, began, len(names) - number))
        prune(build / "cache", inputs.config.keep_gib)
    show_studies(options, verdicts, time.monotonic() - began)


def tune_one(options: TuneOptions, name: str, storage: BaseStorage, began: float, left: int) -> Verdict:
    """Fill a study, one of so many that are ``left``; judge its best, keep what gains. Its name says by which files and
    settings.
    """
    inputs, build = load_inputs(options), options.build / options.name
    run = Run(build / "tuning", build / "cache")
    task: Task = find_room(options.name, "day.tune").make_task(name, inputs.files, inputs.config, run)
    digest = digest_files(inputs.files, run.cache)[:8]
    title = f"{options.name}:{name}:{digest}:{fingerprint(task)}"
    study = open_study(storage, title, task, options.seed)
    say(f"  study {title} in {show_storage(options.storage, run.folder)}")
    today = judge_params(task, task.current)
    if done := count_finished(study):
        say(f"  {title}: continues after {done} finished trials")
    seconds = None if options.minutes is None else max(began + 60 * options.minutes - time.monotonic(), 0) / left
    fill(study, task, options.most_trials, seconds)
    verdict = judge_study(task, study, today)
    if verdict.accepted:
        data = f"{'simulated ' * is_simulated(inputs.folder)}{digest}"
        write_tuned(inputs.competition.tuned, options.name, verdict, data)
    say(f"  {name}: {verdict.before:.4f} -> {verdict.after:.4f}, {verdict.conclusion}")
    return verdict


def show_studies(options: TuneOptions, verdicts: Sequence[Verdict], elapsed: float) -> None:
    """Print what the studies found, what they cost, and how to look at them."""
    rows = [{"task": verdict.task, **verdict.figures, "comparison": verdict.conclusion} for verdict in verdicts]
    print_table(wide_console(), "Studies: best against current settings, on an unseen split", rows)
    storage = show_storage(options.storage, options.build / options.name / "tuning")
    print(f"\n{elapsed:.0f} s; studies in {storage} (make dashboard shows them):")
    print(*(f"  {verdict.study}" for verdict in verdicts), sep="\n")
    kept = any(verdict.accepted for verdict in verdicts)
    print(f"Settings: {find_competition(options.name).tuned}" if kept else "The settings are unchanged")
