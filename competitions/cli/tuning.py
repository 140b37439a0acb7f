"""What ``tune`` does: a study a task, filled by this process or by workers, judged, and kept where it gains."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import optuna

from common.day.hosts.simulated import is_simulated
from common.day.run_record import digest_files
from common.day.tuning import study as studies
from common.day.tuning.task import Task, Verdict, judge_settings, judge_study
from common.day.tuning.trial_log import TrialLog, explain_loading, find_storage
from common.day.tuning.tuned_config import write_tuned
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import describe_seconds, say, track
from common.engine.run import Run, prune
from competitions import find_competition, find_room
from competitions.cli.options import UNENDING, TuneOptions
from competitions.cli.settings import load_inputs


def tune_all(options: TuneOptions) -> None:
    """Fill a study of each task, and say what each gained. The minutes count from here; each study that is left gets an
    equal share of them for its trials.
    """
    began = time.monotonic()
    inputs = _load_inputs(options)
    options = replace(options, raw=inputs.folder, scale=None, law=None)  # the files are chosen, and printed, once
    tasks, verdicts = _choose_tasks(options, inputs.config), list[Verdict]()
    for left, name in zip(range(len(tasks), 0, -1), tasks, strict=True):
        opened, now = _open_study(options, name), time.monotonic()
        end = None if options.minutes is None else now + max(began + 60 * options.minutes - now, 0) / left
        verdicts.append(_tune_one(options, name, opened, end))
    show_studies(options, verdicts, time.monotonic() - began)


def show_studies(options: TuneOptions, verdicts: Sequence[Verdict], elapsed: float) -> None:
    """Print what the studies found, what they cost, and how to look at them."""
    print_table(wide_console(), "Studies: best beside today's, on a split that no study saw", list_verdicts(verdicts))
    print()
    for verdict in verdicts:
        print(f"{verdict.task}: {describe_verdict(verdict)}")
    folder = options.build / options.name / "tuning"
    print(f"\n{elapsed:.0f} s; studies in {find_storage(options.storage, folder)}:")
    for verdict in verdicts:
        print(f"  {verdict.study}")
    loading = explain_loading(verdicts[-1].study, options.storage, folder)
    print(f"Look at them: make dashboard. Load one in Python:\n{loading}")
    if any(verdict.accepted for verdict in verdicts):
        print(f"Settings: {find_competition(options.name).tuned}")
    else:
        print("The settings stay as they are")


def describe_verdict(verdict: Verdict) -> str:
    """What was searched and what came of it, in words."""
    cost = f"{describe_seconds(verdict.seconds)} each" if verdict.trials else "no time for one"
    pruned = f", {verdict.pruned} of them ended early" if verdict.pruned else ""
    made = f"{verdict.trials} trial{'s' * (verdict.trials != 1)} ({cost}){pruned}"
    if verdict.trials < 2:
        alone = ", today's settings alone were tried" if verdict.trials else ""
        return f"{made}: nothing was searched{alone}"
    found = (
        f"{verdict.metric} {verdict.before:.4f} -> {verdict.after:.4f}, {verdict.gain:+.4f} +- {verdict.error:.4f};"
        f" on the study's folds {verdict.fold_gain:+.4f} +- {verdict.fold_error:.4f}"
    )
    return f"{made}: {verdict.conclusion}. {found}"


def _choose_tasks(options: TuneOptions, config: Any) -> list[str]:
    known: list[str] = _space(options.name).list_tasks(config)
    for one in options.tasks or []:
        if one not in known:
            raise UserError(f"There is nothing called {one} to tune in {options.name}: say {', '.join(known)}.")
    return options.tasks or known


class TuningInputs(NamedTuple):
    """The files and settings of a tuning, the run that keeps its steps, and the data in a word."""

    config: Any
    folder: Path
    files: Any
    run: Run
    data: str


def _load_inputs(options: TuneOptions) -> TuningInputs:
    """As for a run: settings with tuned.toml, raw files or simulated ones."""
    inputs = load_inputs(options)
    build = options.build / options.name
    run = Run(build / "tuning", build / "cache", quiet=options.worker is not None)
    digest = digest_files(inputs.files, run.cache)[:8]
    data = f"simulated {digest}" if is_simulated(inputs.folder) else digest
    return TuningInputs(inputs.config, inputs.folder, inputs.files, run, data)


Opened = tuple[TuningInputs, Task, optuna.Study]


def _open_study(options: TuneOptions, name: str) -> Opened:
    """The study of a task, its features made."""
    inputs = _load_inputs(options)
    task: Task = _space(options.name).make_task(name, inputs.files, inputs.config, inputs.run)
    storage = studies.open_storage(options.storage, inputs.run.folder)
    title = f"{options.name}:{name}:{inputs.data.split()[-1]}:{studies.fingerprint(task)}"
    return inputs, task, studies.open_study(storage, title, task, options.seed + (options.worker or 0))


def work(options: TuneOptions) -> None:
    """One process: try settings until the study is full."""
    began = time.monotonic()
    _, task, study = _open_study(options, (options.tasks or [""])[0])
    deadline = None if options.minutes is None else began + 60 * options.minutes
    for _ in studies.work(study, task, options.most_trials, studies.worker_name(), deadline):
        pass


def _tune_one(options: TuneOptions, name: str, opened: Opened, end: float | None) -> Verdict:
    """Fill a study, no trial beginning behind its ``end``; judge its best, keep what gains."""
    inputs, task, study = opened
    say(f"  study {study.study_name} in {find_storage(options.storage, inputs.run.folder)}")
    if task.rows:
        say(f"  {name}: a trial learns from {task.rows}; the best settings are judged on all")
    _fill(options, name, task, study, end)
    verdict = judge_study(task, study, judge_settings(task, task.current))
    studies.write_study(study, task, inputs.run.folder / f"{name}.json")
    if verdict.accepted:
        write_tuned(find_competition(options.name).tuned, options.name, verdict, inputs.data)
    prune(inputs.run.cache, inputs.config.keep_gib)
    say(f"  {name}: {verdict.before:.4f} -> {verdict.after:.4f}, {verdict.conclusion}")
    return verdict


def _fill(options: TuneOptions, name: str, task: Task, study: optuna.Study, deadline: float | None) -> None:
    """Make trials, here or in workers, and say what each brought."""
    done, trials = studies.count_finished(study), options.most_trials
    if done:
        say(f"  {study.study_name}: goes on after {done} finished trials")
    log = TrialLog(study)
    if options.workers == 1:
        counts = studies.work(study, task, trials, studies.worker_name(), deadline)
    else:
        left = None if deadline is None else max(deadline - time.monotonic(), 0.6) / 60
        words = [_worker_arguments(replace(options, minutes=left), name, n) for n in range(options.workers)]
        commands = [studies.worker_command(each) for each in words]
        counts = studies.coordinate(study, trials, commands, options.storage, deadline)
    for _ in track(counts, f"tune {options.name} {name}", None if trials == UNENDING else max(trials - done, 0)):
        log.tell()


def _worker_arguments(options: TuneOptions, task: str, worker: int) -> list[str]:
    """The command line of a worker; the storage, which may hold a password, goes by the environment."""
    words = ["tune", options.name, "--task", task, "--trials", str(options.most_trials), "--worker", str(worker)]
    words += [] if options.minutes is None else ["--minutes", str(options.minutes)]
    words += ["--seed", str(options.seed), "--build", str(options.build)]
    for option, value in (("--raw", options.raw), ("--scale", options.scale)):
        words += [] if value is None else [option, str(value)]
    return words + [part for setting in options.overrides or [] for part in ("--set", setting)]


def _space(name: str) -> Any:
    return find_room(name, "day.tune")


def list_verdicts(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """One row per study."""
    return [
        {
            "task": verdict.task,
            "trials": verdict.trials,
            "s each": round(verdict.seconds),
            "before": verdict.before,
            "after": verdict.after,
            "gain": verdict.gain,
            "error": verdict.error,
            "kept": "yes" if verdict.accepted else "no",
        }
        for verdict in verdicts
    ]
