"""Studies on a shared storage: one process or many, one machine or many, and nothing lost when one of them dies.

Without a database the trials lie in a journal file, which the processes of one machine append to; with a database URL
(PostgreSQL, MySQL) any number of machines work on one study, each by the same command. A trial whose worker died is
tried again: the coordinator of the machine sees its workers end, and on a database a missing heartbeat tells the rest.
"""

import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import quote_plus

import optuna
from optuna.storages import JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sqlalchemy import make_url

from common.day.tuning.search_space import fits
from common.day.tuning.task import (
    EXPECTED,
    FINISHED,
    FOLDS,
    WORKER,
    Task,
    find_current,
    find_value,
    mean_seconds,
    run_trial,
)
from common.engine.errors import UserError
from common.engine.progress import say
from common.io.submission import write_text

STORAGE = "RECSYS_STORAGE"  # environment: the database, whose URL may hold a password
HEARTBEAT_S = 15
GRACE_S = 60
RETRIES = 3
FAILURES = 5
POLL_S = 0.5
SECRET = re.compile("pass|pwd|secret|token|key", re.IGNORECASE)  # an option of a URL that is not shown
MASK = "***"
JOURNAL = "journal.log"
RETRIED = "retried"  # user attribute: the number of the trial that died
TODAY = "today"  # user attribute of the trial of today's settings


def open_storage(url: str | None, folder: Path) -> optuna.storages.BaseStorage:
    """The database of ``url``, else a journal file in ``folder``. ``UserError`` where it cannot be reached."""
    if url is None:
        folder.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
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
        shown, reason = hide_secrets(url, str(error).strip().partition("\n")[0] or type(error).__name__)
        raise UserError(
            f"The storage {shown} cannot be used ({reason}): start the database, or give STORAGE as"
            " postgresql+psycopg://user:password@host/database."
        ) from error


def hide_secrets(url: str, message: str) -> tuple[str, str]:
    """The URL and a message about it as they may be shown: SQLAlchemy's own rendering, secret options masked as well.

    Nothing is shown of what is no URL, or has a second @: nobody could say which part of it is the password.
    """
    if url.count("@") > 1:
        return MASK, "of an address all @ but the one before the host are written %40"
    try:
        parsed = make_url(url)
    except Exception:  # an ArgumentError, or a ValueError of the port
        return MASK, "it is no address of a database"
    secret = {name: value for name, value in parsed.query.items() if SECRET.search(name)}
    shown = parsed.update_query_dict(dict.fromkeys(secret, MASK)).render_as_string(hide_password=True)
    values = [
        parsed.password,
        *(part for value in secret.values() for part in ([value] if isinstance(value, str) else value)),
    ]
    for text in (url, *filter(None, values)):
        message = message.replace(text, MASK).replace(quote_plus(text), MASK)
    return shown, message


def open_study(storage: optuna.storages.BaseStorage, name: str, task: Task, seed: int) -> optuna.Study:
    """The study, made where it is new, with today's settings as its first trial."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=_make_pruner(),
    )
    if fits(task.space, task.current):
        study.enqueue_trial(task.current, user_attrs={TODAY: True}, skip_if_exists=True)
    return study


def _make_pruner() -> optuna.pruners.BasePruner:
    """A trial ends where it lies behind the best one by a signed-rank test of the parts of the folds that both have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.pruners.WilcoxonPruner()


def count_finished(study: optuna.Study) -> int:
    """Trials with a score, whole or pruned."""
    return len(study.get_trials(deepcopy=False, states=FINISHED))


def is_over(study: optuna.Study, trials: int, deadline: float | None) -> bool:
    """Whether a study has its trials, or its time (of ``time.monotonic``) is up."""
    return count_finished(study) >= trials or (deadline is not None and time.monotonic() >= deadline)


def work(study: optuna.Study, task: Task, trials: int, worker: str, deadline: float | None = None) -> Iterator[int]:
    """Try settings, one after the other, until the study has so many finished trials, whoever computes them.

    None begins that would not end by the ``deadline``, going by the whole trials so far. Yields the number of finished
    trials after each. ``UserError`` where ``FAILURES`` trials in a row fail.
    """
    failed = 0
    while not is_over(study, trials, None if deadline is None else deadline - _usual_seconds(study)):
        done = count_finished(study)
        study.optimize(partial(run_trial, task, worker), n_trials=1, catch=EXPECTED)
        failed = 0 if count_finished(study) > done else failed + 1
        if failed == FAILURES:
            raise UserError(f"{failed} trials of {study.study_name} failed one after the other: is the space too wide?")
        yield count_finished(study)


def _usual_seconds(study: optuna.Study) -> float:
    """What a whole trial took so far; 0 where there is none."""
    return mean_seconds(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def fingerprint(task: Task) -> str:
    """Six digits for what a study is about: another space, another metric or other settings today, another study."""
    identity = repr((sorted(task.space.items()), task.metric, task.folds, task.rows, sorted(task.current.items())))
    return hashlib.blake2b(identity.encode(), digest_size=3).hexdigest()


def worker_name() -> str:
    """This process, among those of all machines."""
    return f"{socket.gethostname()}-{os.getpid()}"


def coordinate(
    study: optuna.Study,
    trials: int,
    commands: Sequence[Sequence[str]],
    storage: str | None = None,
    deadline: float | None = None,
) -> Iterator[int]:
    """Let a process of each command work on the study, and enqueue again the trial of a dead one.

    ``storage`` goes to the processes by their environment: any user of the machine can read a command line.

    Yields the number of finished trials whenever it has grown. At the ``deadline`` the trials under way are cut off,
    and are tried first when the study goes on. ``UserError`` where all processes end before the study
    has its ``trials``.
    """
    threads = str(max((os.cpu_count() or 1) // len(commands), 1))
    environment = os.environ | {"OMP_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads}
    environment |= {STORAGE: storage} if storage else {}
    with contextlib.ExitStack() as stack:
        # Into files: a worker that writes much would wait for ever for a pipe that nobody reads.
        logs = [stack.enter_context(tempfile.TemporaryFile("w+", errors="replace")) for _ in commands]
        running = [
            subprocess.Popen(command, env=environment, stderr=log, stdout=subprocess.DEVNULL)
            for command, log in zip(commands, logs, strict=True)
        ]
        alive, seen = list(zip(running, logs, strict=True)), count_finished(study)
        try:
            while not is_over(study, trials, deadline):
                done = count_finished(study)
                alive = [worker for worker in alive if not _is_dead(*worker, study)]
                if not alive and not is_over(study, trials, deadline):
                    raise UserError(
                        f"All workers of the study {study.study_name} ended after {done} of {trials} trials, which are"
                        " kept: run the same command again to go on."
                    )
                if done > seen:
                    seen = done
                    yield done
                time.sleep(POLL_S)
            if (done := count_finished(study)) > seen:
                yield done
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()
            rescue(study, [process.pid for process in running], again=count_finished(study) < trials)


def _is_dead(process: "subprocess.Popen[bytes]", log: IO[str], study: optuna.Study) -> bool:
    """Whether a worker has ended; its trial is enqueued again, and the reason is printed."""
    if process.poll() is None:
        return False
    rescue(study, [process.pid])
    if process.returncode:
        log.seek(0)
        lines = log.read().strip().splitlines()
        reason = lines[-1] if lines else "killed"
        say(f"  a worker ended with {process.returncode} ({reason}); its trial is tried again")
    return True


def rescue(study: optuna.Study, pids: Sequence[int], again: bool = True) -> None:
    """Mark the running trials of ended processes of this machine as failed; ``again``: enqueue their settings."""
    names = {f"{socket.gethostname()}-{pid}" for pid in pids}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if trial.user_attrs.get(WORKER) in names:
            study.tell(trial.number, state=TrialState.FAIL)
            if again:  # with what was enqueued and what was sampled before it died
                settings = trial.system_attrs.get("fixed_params", {}) | trial.params
                study.enqueue_trial(settings, user_attrs={RETRIED: trial.number})


def worker_command(verb: Sequence[str]) -> list[str]:
    """A process of this project's command line."""
    return [sys.executable, "-m", "competitions", *verb]


def write_study(study: optuna.Study, task: Task, path: Path) -> Path:
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
            "retried": trial.user_attrs.get(RETRIED),
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


def measure_importance(study: optuna.Study) -> dict[str, float]:
    """The share of the scores' variance that each parameter explains (fANOVA); empty on too few trials."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 4 or len({trial.value for trial in complete}) < 2:
        return {}
    importance: dict[str, float] = optuna.importance.get_param_importances(study)
    return importance
