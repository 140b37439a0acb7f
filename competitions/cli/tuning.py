"""What ``tune`` does: one study of a space, filled by this process and others on its storage, judged, kept where it
gains.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import polars as pl

from common.competition import Competition
from common.day.hosts.simulated import is_simulated
from common.day.run_record import average_queries, digest_files, digest_queries
from common.day.tuning.space import Space, TrialParams, find_current, read_space, read_values
from common.day.tuning.study import count_finished, fill, fingerprint, open_storage, open_study, show_storage
from common.day.tuning.task import Task, Verdict, find_best, judge_trial, split_halves
from common.day.tuning.tuned_config import write_tuned
from common.engine.cluster import connect
from common.engine.config import change
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Run, prune
from common.io.lock import hold
from competitions import find_competition
from competitions.cli.fits import score_config
from competitions.cli.options import TuneOptions
from competitions.cli.settings import Inputs, load_inputs

SPACE, QUICK, FOLDER = "space.toml", "quick.toml", "tuning"


def tune(options: TuneOptions) -> None:
    """Fill the study of a space, judge its best trial, and keep what gains. The minutes count from here."""
    began, competition = time.monotonic(), find_competition(options.name)
    folder, path = options.build / options.name / FOLDER, options.space or competition.folder / SPACE
    settings = list_quick(options, competition)
    space = read_space(path, lambda setting: competition.load_config([*settings, setting], not options.untuned))
    storage = open_storage(options.storage, folder)
    inputs = load_inputs(options)
    task = make_task(options, inputs, path.stem, space)
    digest = digest_files(inputs.files, folder.parent / "cache")[:8]
    title, shown = f"{options.name}:{task.name}:{digest}:{fingerprint(task)}", show_storage(options.storage, folder)
    study = open_study(storage, title, task, inputs.config.seed)
    say(f"  study {title} in {shown}")
    if done := count_finished(study):
        say(f"  {title}: continues after {done} finished trials")
    seconds = None if options.minutes is None else max(began + 60 * options.minutes - time.monotonic(), 0)
    fill(study, task, options.most_trials, seconds)
    best = find_best(study)
    verdict = None if best is None else judge_trial(task, study, best)
    if verdict and verdict.accepted:
        found = replace(verdict, params=read_values(verdict.params, type(inputs.config)))
        write_tuned(competition.tuned, options.name, found, f"{'simulated ' * is_simulated(inputs.folder)}{digest}")
    show_verdict(verdict)
    print(f"\n{time.monotonic() - began:.0f} s; study {title} in {shown} (optuna-dashboard shows it)")
    print(f"Settings: {competition.tuned}" if verdict and verdict.accepted else "The settings are unchanged")


def list_quick(options: TuneOptions, competition: Competition) -> list[str]:
    """The settings of a trial: the quick ones, where there are any, and over them what was typed."""
    quick = [f"@{path}" for path in competition.folder.glob(QUICK)]
    return replace(options, set_options=quick + (options.set_options or [])).settings


def make_task(options: TuneOptions, inputs: Inputs, name: str, space: Space) -> Task:
    """A trial and a judging as functions of their settings. Today's are scored here: what is wrong with the files or
    with them ends the command, not a trial.
    """
    competition, build = inputs.competition, options.build / options.name
    config = competition.load_config(list_quick(options, competition), inputs.tuned)
    work = Run(build / FOLDER, build / "cache")

    @contextlib.contextmanager
    def working() -> Iterator[Run]:
        with hold(build / FOLDER), connect(options.cluster, work.cache) as work.cluster:
            yield work.again()  # for each trial anew: what earlier ones kept may go
        prune(build / "cache", inputs.config.keep_gib)

    def put(params: TrialParams, config: Any) -> Any:
        return change(config, read_values(params, type(config)), competition.check_names)

    def search(params: TrialParams) -> tuple[pl.DataFrame, pl.DataFrame]:
        changed = put(params, config)
        with working() as run:
            return split_halves(competition.judge(competition.validate(inputs.files, changed, run), changed).queries)

    def score(params: TrialParams) -> float:
        queries, _ = search(params)
        if digest_queries(queries) != digest:
            raise UserError("These settings score other queries than today's: the two cannot be compared.")
        return float(average_queries(queries)["score"])

    def judge(params: TrialParams) -> pl.DataFrame:
        with working() as run:
            _, judges = split_halves(score_config(inputs._replace(config=put(params, inputs.config)), run))
        return judges

    today = search({})
    if not all(half.height for half in today):
        raise UserError(f"The {competition.queries} are too few to be cut in two halves: tune on a larger log.")
    digest = digest_queries(today[0])
    return Task(name, competition.metric, space, msgspec.to_builtins(config), find_current(space, config), score, judge)


def show_verdict(verdict: Verdict | None) -> None:
    """Print what the study found."""
    if verdict is None:
        print("\nNo trial was better than today's settings")
        return
    row = {"trial": verdict.trial, **verdict.figures, "comparison": verdict.conclusion}
    print_table(wide_console(), "The best trial against today's settings, on queries that no trial saw", [row])
    print("", *(f"  {key} = {value}" for key, value in verdict.params.items()), sep="\n")
