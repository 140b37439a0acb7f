"""Studies on a shared storage: one process or many, one machine or many, each by the same command.

Without a database the trials lie in a journal file, which the processes of one machine append to; with a database URL
(PostgreSQL, MySQL) any number of machines work on one study. A trial whose machine is lost is tried again there: its
missing heartbeat tells the others.
"""

import hashlib
import logging
import warnings
from functools import partial
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback, Study
from sqlalchemy import make_url

from common.day.tuning.task import CURRENT, FINISHED, Task, run_trial
from common.engine.errors import UserError

HEARTBEAT_S, GRACE_S, RETRIES = 15, 60, 3
JOURNAL = "journal.log"
ADDRESS = "postgresql+psycopg://user:password@host/database"
# Optuna tells of an error with its stack, although it raises it too.
logging.getLogger("optuna.study._optimize").addFilter(lambda record: record.exc_info is None)


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """The database of ``url``, else a journal file in ``folder``. ``UserError`` where it cannot be reached."""
    if url is None:
        folder.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    shown = show_storage(url, folder)
    try:
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):  # heartbeats
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
            f"The storage {shown} cannot be used ({reason}): start the database, or give STORAGE as {ADDRESS}."
        ) from error


def show_storage(url: str | None, folder: Path) -> str:
    """Where the trials lie, as it may be shown: the journal, or the database without password and options.

    ``UserError``, which shows nothing, for what is no address: nobody could say which part of it is the password.
    """
    if url is None:
        return str(folder / JOURNAL)
    try:
        address = make_url(url if url.count("@") < 2 else "")  # of two nobody knows which one ends the password
        return address.set(query={}).render_as_string(hide_password=True)
    except Exception as error:  # an ArgumentError, or a ValueError of the port
        raise UserError(
            f"The storage is not a database address: give STORAGE as {ADDRESS}, with %40 for an @ in a password."
        ) from error


def open_study(storage: BaseStorage, name: str, task: Task, seed: int) -> Study:
    """The study, made where it is new, with today's settings as its first trial."""
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
    # Of two processes the second has trials before it: it draws other settings than the first did.
    trials = len(study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(seed=seed + trials)
    if not trials:
        study.enqueue_trial(task.current, user_attrs={CURRENT: True})
    return study


def fingerprint(task: Task) -> str:
    """Six digits for what a study is about: another space, another metric or other settings, another study."""
    identity = repr((sorted(task.space.items()), task.metric, task.settings))
    return hashlib.blake2b(identity.encode(), digest_size=3).hexdigest()


def fill(study: Study, task: Task, trials: int | None, seconds: float | None = None) -> None:
    """Try settings, one after the other, until the study has so many finished ``trials``, whoever computes them, or the
    ``seconds`` are up, behind which no trial begins. Optuna tells of each trial.
    """
    if trials is not None and count_finished(study) >= trials:
        return
    callbacks = [] if trials is None else [MaxTrialsCallback(trials, FINISHED)]
    study.optimize(partial(run_trial, task), timeout=seconds, callbacks=callbacks)


def count_finished(study: Study) -> int:
    """Trials with a score, whole or pruned."""
    return len(study.get_trials(deepcopy=False, states=FINISHED))
