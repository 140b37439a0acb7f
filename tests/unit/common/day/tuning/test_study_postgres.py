"""A study on a PostgreSQL server: two machines, one of them lost in a trial, and no trial lost."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from common.day.tuning.study import open_storage, open_study
from common.day.tuning.task import FINISHED, WORKER, Scores, Task
from tests.postgres import start_postgres

ROOT = Path(__file__).resolve().parents[5]
TRIAL_S = 0.4
# A worker of this test's task, under the name of a process of another machine.
WORKER_CODE = """
import sys
from pathlib import Path
from common.day.tuning import study, task
from tests.unit.common.day.tuning.test_study_postgres import make_task

study.HEARTBEAT_S, study.GRACE_S = 1, 2
address, name, seed, worker = sys.argv[1:]
task.socket.gethostname = lambda: worker
opened = study.open_study(study.open_storage(address, Path()), name, make_task(), int(seed))
study.fill(opened, make_task(), None)
"""


def make_task() -> Task:
    """Higher is better towards 0.7; a trial takes a while, so that it can be interrupted."""

    def score(settings: dict[str, Any], fold: int) -> Scores:
        time.sleep(TRIAL_S / 2)
        return np.full(3, -abs(float(settings["x"]) - 0.7))

    return Task(
        "x", "distance", {"x": FloatDistribution(0.0, 1.0)}, {"x": 0.2}, 2, score, lambda settings: settings["x"]
    )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with start_postgres() as address:
        yield address


@pytest.fixture
def study(server: str) -> Iterator[optuna.Study]:
    storage: Any = open_storage(server, Path())
    yield open_study(storage, "shared", make_task(), 0)
    storage.remove_session()  # its connections, which the garbage collector would complain of
    storage.engine.dispose()


def command(server: str, study: optuna.Study, seed: int, worker: str) -> list[str]:
    return [sys.executable, "-c", WORKER_CODE, server, study.study_name, str(seed), worker]


def wait_for_trial(study: optuna.Study, worker: str) -> FrozenTrial:
    """A trial that this worker computes and has drawn the settings of."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.params and trial.user_attrs.get(WORKER, "").startswith(worker):
                return trial
        time.sleep(0.02)
    raise AssertionError("no worker began a trial")


def find_retries(study: optuna.Study, killed: FrozenTrial) -> list[FrozenTrial]:
    """The trials that try a killed one's settings again, as the storage marks them."""
    trials = study.get_trials(deepcopy=False)
    return [each for each in trials if each.system_attrs.get("failed_trial") == killed.number]


def test_machines_share_a_study_and_one_takes_up_what_a_lost_one_was_at(server: str, study: optuna.Study) -> None:
    """Nobody sees the lost one's process end: its missing heartbeat tells."""
    words: dict[str, Any] = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        subprocess.Popen(command(server, study, 0, "lost"), **words) as lost,
        subprocess.Popen(command(server, study, 1, "other"), **words) as other,
    ):
        killed = wait_for_trial(study, "lost")
        lost.kill()
        until = time.monotonic() + 60
        while time.monotonic() < until and not any(each.state in FINISHED for each in find_retries(study, killed)):
            time.sleep(0.1)
        other.kill()
    # Nothing is lost: the killed trial failed, and its settings were tried again to the end, once.
    trials = study.get_trials(deepcopy=False)
    assert trials[killed.number].state is TrialState.FAIL
    assert [(trial.params, trial.state in FINISHED) for trial in find_retries(study, killed)] == [(killed.params, True)]
    # The last one may have been killed between asking for a trial and saying whose it is.
    names = {trial.user_attrs[WORKER].rpartition("-")[0] for trial in trials if WORKER in trial.user_attrs}
    assert names == {"lost", "other"}
    assert [trial.params["x"] for trial in trials if trial.number == 0] == [0.2]  # today's settings are the first
