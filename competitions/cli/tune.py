"""The verb ``tune``: Optuna studies over a competition's search spaces, on cached features and the time split."""

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import optuna
import typer

from common.datasets.simulated import REPORT
from common.errors import UserError
from common.experiments.run_record import Origin, describe_data
from common.pipeline.console import print_table, wide_console
from common.pipeline.progress import say, track
from common.pipeline.run import Run, prune
from common.tuning import study as studies
from common.tuning.task import Task, Verdict, judge_study
from common.tuning.tuned_config import write_tuned
from competitions import NAMES, check_name, find_competition, find_room

DEFAULT_TRIALS = 20


@dataclass(frozen=True)
class Asked:
    """What a tuning is asked for on the command line. ``worker``: the number of a process that only tries settings."""

    name: str
    tasks: Sequence[str]
    trials: int
    workers: int
    storage: str | None
    raw: Path | None
    scale: float | None
    seed: int
    build: Path
    overrides: Sequence[str]
    worker: int | None = None


def tune(
    name: Annotated[str, typer.Argument(help=f"The competition: {', '.join(NAMES)}.")],
    task: Annotated[list[str] | None, typer.Option(help="One parameter set only (repeatable); default: each.")] = None,
    trials: Annotated[int, typer.Option(min=2, help="Finished trials that each study is to have.")] = DEFAULT_TRIALS,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    storage: Annotated[str | None, typer.Option(help="Database URL; default: a journal file below build/.")] = None,
    raw: Annotated[Path | None, typer.Option(help="Folder with the host's files; else as for run.")] = None,
    scale: Annotated[float | None, typer.Option(help="Size of the simulated data.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    build: Annotated[Path, typer.Option(help="Where everything that is made goes.")] = Path("build"),
    overrides: Annotated[list[str] | None, typer.Option("--set", help="Override a setting, as for run.")] = None,
    worker: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Search each ranker's parameters; what beats today's beyond the noise goes to tuned.toml."""
    check_name(name)
    asked = Asked(name, task or (), trials, workers, storage, raw, scale, seed, build, overrides or (), worker)
    if worker is not None:
        _work(asked, worker)
        return
    began = time.perf_counter()
    opened = _open(asked)
    asked = replace(asked, raw=opened.folder, scale=None)  # the files are chosen, and told, once
    verdicts = [_tune_one(asked, one) for one in _choose_tasks(asked, opened.config)]
    print_table(wide_console(), "Studies: best beside today's, on a split that no study saw", list_verdicts(verdicts))
    print(f"\n{time.perf_counter() - began:.0f} s; studies: {asked.build / name / 'tuning'}")
    kept = any(verdict.accepted for verdict in verdicts)
    print(
        f"Settings: {find_competition(name).tuned}"
        if kept
        else "No gain beyond the noise: the settings stay as they are"
    )


def _choose_tasks(asked: Asked, config: Any) -> list[str]:
    known: list[str] = _space(asked.name).list_tasks(config)
    for one in asked.tasks:
        if one not in known:
            raise UserError(f"There is nothing called {one} to tune in {asked.name}: say {', '.join(known)}.")
    return list(asked.tasks) or known


@dataclass(frozen=True)
class Opened:
    """The files and settings of a tuning, and the run that keeps its steps."""

    config: Any
    folder: Path
    files: Any
    run: Run
    data: str


def _open(asked: Asked) -> Opened:
    """As for a run: settings with tuned.toml, raw files or simulated ones."""
    competition = find_competition(asked.name)
    build = asked.build / asked.name
    config = competition.load_config([f"seed={asked.seed}", *asked.overrides])
    folder = competition.choose_raw(asked.raw, asked.scale, config.seed, asked.build)
    files = competition.locate(folder, config)
    run = Run(build / "tuning", build / "cache", quiet=asked.worker is not None, brief=True)
    simulated = (folder / REPORT).exists()
    now = datetime.datetime.now()
    told = describe_data(Origin(asked.name, folder, files, simulated, config, (), True, now), run.cache)
    return Opened(config, folder, files, run, f"{'simulated ' if simulated else ''}{told['digest'][:8]}")


def _make(asked: Asked, task: str) -> tuple[Opened, Task, optuna.Study]:
    opened = _open(asked)
    made: Task = _space(asked.name).make_task(task, opened.files, opened.config, opened.run)
    storage = studies.open_storage(asked.storage, opened.run.folder)
    name = f"{asked.name}:{task}:{opened.data.split()[-1]}:{studies.fingerprint(made)}"
    return opened, made, studies.open_study(storage, name, made, asked.seed + (asked.worker or 0))


def _work(asked: Asked, worker: int) -> None:
    """One process: try settings until the study is full."""
    _, task, study = _make(asked, asked.tasks[0])
    for _ in studies.work(study, task, asked.trials, studies.worker_name()):
        pass


def _tune_one(asked: Asked, name: str) -> Verdict:
    """Fill a study, judge its best, keep what gains."""
    opened, task, study = _make(asked, name)
    done = studies.count_finished(study)
    if done:
        say(f"  {study.study_name}: goes on after {done} finished trials")
    if asked.workers == 1:
        course = studies.work(study, task, asked.trials, studies.worker_name())
    else:
        commands = [studies.worker_command(_words(asked, name, place)) for place in range(asked.workers)]
        course = studies.coordinate(study, asked.trials, commands)
    for _ in track(course, f"tune {asked.name} {name}", max(asked.trials - done, 0)):
        pass
    verdict = judge_study(task, study)
    studies.write_study(study, task.metric, verdict.before, opened.run.folder / f"{name}.json")
    if verdict.accepted:
        write_tuned(find_competition(asked.name).tuned, asked.name, verdict, opened.data)
    prune(opened.run.cache, opened.config.keep_gib)
    say(f"  {name}: {verdict.before:.4f} -> {verdict.after:.4f}, {'kept' if verdict.accepted else 'not kept'}")
    return verdict


def _words(asked: Asked, task: str, place: int) -> list[str]:
    """The command line of a worker."""
    words = ["tune", asked.name, "--task", task, "--trials", str(asked.trials), "--worker", str(place)]
    words += ["--seed", str(asked.seed), "--build", str(asked.build)]
    for option, value in (("--storage", asked.storage), ("--raw", asked.raw), ("--scale", asked.scale)):
        words += [] if value is None else [option, str(value)]
    return words + [part for setting in asked.overrides for part in ("--set", setting)]


def _space(name: str) -> Any:
    return find_room(name, "experiments.search_space")


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
