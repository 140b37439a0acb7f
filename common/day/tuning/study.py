"""Studies on a shared storage: one process or many, one machine or many, each by the same command.

Without a database the trials lie in a journal file, which the processes of one machine append to; with a database URL
(PostgreSQL, MySQL) any number of machines work on one study. A trial whose machine is lost is tried again there: its
missing heartbeat tells the others.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback, Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import make_url

from common.day.tuning.search_space import fits
from common.day.tuning.task import EXPECTED, FAILURE, FINISHED, FOLDS, WORKER, Task, find_current, find_value, run_trial
from common.engine.errors import UserError
from common.engine.progress import describe_seconds, say
from common.io.submission import write_text

HEARTBEAT_S, GRACE_S, RETRIES = 15, 60, 3
FAILURES = 5  # in a row, after which a study ends
JOURNAL = "journal.log"


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """The database of ``url``, else a journal file in ``folder``. ``UserError`` where it cannot be reached."""
    if url is None:
        folder.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    shown = show_storage(url, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # all that has to do with heartbeats
            return RDBStorage(
                url,
                heartbeat_interval=HEARTBEAT_S,
                grace_period=GRACE_S,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
                engine_kwargs={"pool_pre_ping": True},
            )
    except Exception as error:  # whatever the driver raises: no server, no database, no driver, no rights
        reason = (str(error).strip().partition("\n")[0] or type(error).__name__).replace(url, shown)
        raise UserError(
            f"The storage {shown} cannot be used ({reason}): start the database, or give STORAGE as"
            " postgresql+psycopg://user:password@host/database."
        ) from error


def show_storage(url: str | None, folder: Path) -> str:
    """Where the trials lie, as it may be shown: the journal, or the database without password and options.

    ``UserError``, which shows nothing, for what is no address: nobody could say which part of it is the password.
    """
    if url is None:
        return str(folder / JOURNAL)
    if url.count("@") > 1:
        raise UserError(
            "The storage cannot be used: write every @ of its address as %40, but not the one before the host."
        )
    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except Exception as error:  # an ArgumentError, or a ValueError of the port
        raise UserError(
            "The storage is not a database address: give STORAGE as postgresql+psycopg://user:password@host/database."
        ) from error


def open_study(storage: BaseStorage, name: str, task: Task, seed: int) -> Study:
    """The study, made where it is new, with today's settings as its first trial. A trial of it ends where it lies
    behind the best one by a signed-rank test of the parts of the folds that both have.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # of trials ``tell`` speaks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = optuna.pruners.WilcoxonPruner()
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True, pruner=pruner
    )
    # Of two processes the second has trials before it: it draws other settings than the first did.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.get_trials(deepcopy=False)))
    if fits(task.space, task.current):
        study.enqueue_trial(task.current, skip_if_exists=True)
    return study


def fingerprint(task: Task) -> str:
    """Six digits for what a study is about: another space, another metric or other settings today, another study."""
    identity = repr((sorted(task.space.items()), task.metric, task.folds, task.rows, sorted(task.current.items())))
    return hashlib.blake2b(identity.encode(), digest_size=3).hexdigest()


def fill(study: Study, task: Task, trials: int | None, seconds: float | None = None) -> None:
    """Try settings, one after the other, until the study has so many finished ``trials``, whoever computes them, or the
    ``seconds`` are up, behind which no trial begins. ``UserError`` where ``FAILURES`` trials in a row fail.
    """
    if trials is not None and count_finished(study) >= trials:
        return
    callbacks = [follow(study, trials, seconds)]
    if trials is not None:
        callbacks.append(MaxTrialsCallback(trials, FINISHED))
    study.optimize(partial(run_trial, task), timeout=seconds, catch=EXPECTED, callbacks=callbacks)


def count_finished(study: Study) -> int:
    """Trials with a score, whole or pruned."""
    return len(study.get_trials(deepcopy=False, states=FINISHED))


def follow(study: Study, trials: int | None, seconds: float | None) -> Callable[[Study, FrozenTrial], None]:
    """What is done after each trial of this process: a line on the console, an end where one after the other fails."""
    began, before = time.monotonic(), count_finished(study)

    def tell(study: Study, trial: FrozenTrial) -> None:
        ended = [one for one in study.get_trials(deepcopy=False) if one.state.is_finished()]
        done, elapsed = sum(one.state in FINISHED for one in ended), time.monotonic() - began
        left = [] if seconds is None else [seconds - elapsed]
        left += [] if trials is None or done <= before else [(trials - done) * elapsed / (done - before)]
        going = f", about {describe_seconds(min(left))} left" if left and min(left) > 0 else ""
        say(f"  {describe_trial(trial, ended)}{going}")
        last = ended[-FAILURES:]
        if len(last) == FAILURES and all(one.state == TrialState.FAIL for one in last):
            raise UserError(f"{FAILURES} trials of {study.study_name} failed in a row: is the search space too wide?")

    return tell


def describe_trial(trial: FrozenTrial, ended: Sequence[FrozenTrial]) -> str:
    """A trial that has ended: number, value with its folds, time, why it was pruned or failed; the best so far."""
    whole = [one for one in ended if one.state == TrialState.COMPLETE and one.value is not None]
    best = max(whole, key=lambda one: (one.value, -one.number), default=None)
    known = "none is finished yet" if best is None else f"best {best.value:.4f} (trial {best.number})"
    if trial.state == TrialState.FAIL:
        return f"trial {trial.number:3d}: failed, {trial.user_attrs.get(FAILURE, 'it was ended')}; {known}"
    folds: Sequence[float] = trial.user_attrs.get(FOLDS, [])
    scores = f" ({' '.join(f'{score:.4f}' for score in folds)})" if len(folds) > 1 else ""
    took = f", {describe_seconds(trial.duration.total_seconds())}" if trial.duration else ""
    pruned = f", pruned after {len(folds)} fold{'s' * (len(folds) > 1)}" if trial.state == TrialState.PRUNED else ""
    return f"trial {trial.number:3d}: {find_value(trial) or 0.0:.4f}{scores}{took}{pruned}; {known}"


def write_study(study: Study, task: Task, path: Path) -> Path:
    """The study as plain JSON for the report: trials, importance of the parameters, the best, today's value."""
    today = find_current(task, study)
    rows = [
        {
            "number": trial.number,
            "state": trial.state.name,
            "value": find_value(trial),
            "params": trial.params,
            "folds": trial.user_attrs.get(FOLDS, []),
            "seconds": trial.duration.total_seconds() if trial.duration else None,
            "worker": trial.user_attrs.get(WORKER),
        }
        for trial in study.get_trials(deepcopy=False)
    ]
    record = {
        "study": study.study_name,
        "metric": task.metric,
        "trials": rows,
        "importance": measure_importance(study),
        "best": study.best_params if any(row["state"] == "COMPLETE" for row in rows) else {},
        "current": None if today is None else sum(today) / len(today),
    }
    return write_text(path, json.dumps(record, indent=2) + "\n")


def measure_importance(study: Study) -> dict[str, float]:
    """The share of the scores' variance that each parameter explains (fANOVA); empty on too few trials."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 4 or len({trial.value for trial in complete}) < 2:
        return {}
    importance: dict[str, float] = optuna.importance.get_param_importances(study)
    return importance
