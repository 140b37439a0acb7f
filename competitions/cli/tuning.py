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
from common.day.tuning.task import Task, Verdict, judge_study
from common.day.tuning.trial_log import TrialLog, explain_loading, find_storage
from common.day.tuning.tuned_config import write_tuned
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say, track
from common.engine.run import Run, prune
from competitions import find_competition, find_room
from competitions.cli.options import InputOptions
from competitions.cli.settings import load_inputs
from competitions.cli.tune import UNENDING, TuneOptions


def tune_all(options: TuneOptions) -> None:
    """Fill a study of each task, and say what each gained."""
    began = time.perf_counter()
    inputs = _load_inputs(options)
    options = replace(options, raw=inputs.folder, scale=None)  # the files are chosen, and printed, once
    verdicts = [_tune_one(options, one) for one in _choose_tasks(options, inputs.config)]
    print_table(wide_console(), "Studies: best beside today's, on a split that no study saw", list_verdicts(verdicts))
    folder = options.build / options.name / "tuning"
    print(f"\n{time.perf_counter() - began:.0f} s; studies in {find_storage(options.storage, folder)}:")
    for verdict in verdicts:
        print(f"  {verdict.study}")
    loading = explain_loading(verdicts[-1].study, options.storage, folder)
    print(f"Look at them: make dashboard. Load one in Python:\n{loading}")
    kept = any(verdict.accepted for verdict in verdicts)
    tuned = find_competition(options.name).tuned
    print(f"Settings: {tuned}" if kept else "No gain beyond the noise: the settings stay as they are")


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
    given = InputOptions(
        options.name, options.raw, options.scale, options.seed, build=options.build, overrides=options.overrides
    )
    inputs = load_inputs(given)
    build = options.build / options.name
    run = Run(build / "tuning", build / "cache", quiet=options.worker is not None)
    digest = digest_files(inputs.files, run.cache)[:8]
    data = f"simulated {digest}" if is_simulated(inputs.folder) else digest
    return TuningInputs(inputs.config, inputs.folder, inputs.files, run, data)


def _open_study(options: TuneOptions, name: str) -> tuple[TuningInputs, Task, optuna.Study]:
    inputs = _load_inputs(options)
    task: Task = _space(options.name).make_task(name, inputs.files, inputs.config, inputs.run)
    storage = studies.open_storage(options.storage, inputs.run.folder)
    title = f"{options.name}:{name}:{inputs.data.split()[-1]}:{studies.fingerprint(task)}"
    return inputs, task, studies.open_study(storage, title, task, options.seed + (options.worker or 0))


def work(options: TuneOptions) -> None:
    """One process: try settings until the study is full."""
    _, task, study = _open_study(options, (options.tasks or [""])[0])
    for _ in studies.work(study, task, options.most_trials, studies.worker_name(), options.find_deadline()):
        pass


def _tune_one(options: TuneOptions, name: str) -> Verdict:
    """Fill a study, judge its best, keep what gains."""
    inputs, task, study = _open_study(options, name)
    done, trials, deadline = studies.count_finished(study), options.most_trials, options.find_deadline()
    say(f"  study {study.study_name} in {find_storage(options.storage, inputs.run.folder)}")
    if done:
        say(f"  {study.study_name}: goes on after {done} finished trials")
    log = TrialLog(study, trials, deadline)
    if options.workers == 1:
        counts = studies.work(study, task, trials, studies.worker_name(), deadline)
    else:
        commands = [studies.worker_command(_worker_arguments(options, name, n)) for n in range(options.workers)]
        counts = studies.coordinate(study, trials, commands, options.storage, deadline)
    left = None if trials == UNENDING else max(trials - done, 0)
    for _ in track(counts, f"tune {options.name} {name}", left):
        log.tell()
    verdict = judge_study(task, study)
    studies.write_study(study, task.metric, verdict.before, inputs.run.folder / f"{name}.json")
    if verdict.accepted:
        write_tuned(find_competition(options.name).tuned, options.name, verdict, inputs.data)
    prune(inputs.run.cache, inputs.config.keep_gib)
    say(f"  {name}: {verdict.before:.4f} -> {verdict.after:.4f}, {'kept' if verdict.accepted else 'not kept'}")
    return verdict


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
            "metric": verdict.metric,
            "trials": verdict.trials,
            "best": verdict.trial,
            "before": verdict.before,
            "after": verdict.after,
            "gain": verdict.gain,
            "error": verdict.error,
            "on folds": verdict.fold_gain,
            "error there": verdict.fold_error,
            "kept": "yes" if verdict.accepted else "no",
        }
        for verdict in verdicts
    ]
