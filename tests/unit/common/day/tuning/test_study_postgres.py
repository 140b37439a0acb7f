"""A study on a PostgreSQL server: several workers, one of them killed in a trial, and no trial lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from common.day.tuning.search_space import Floats
from common.day.tuning.study import FINISHED, RETRIED, coordinate, count_finished, open_storage, open_study
from common.day.tuning.task import WORKER, Task
from common.engine.errors import UserError
from tests.postgres import start_postgres

ROOT = Path(__file__).resolve().parents[5]
TRIALS = 6
TRIAL_S = 0.4
# A worker of this test's task, under the name of a process of this machine or of another.
WORKER_CODE = """
import sys
from pathlib import Path
from common.day.tuning import study
from tests.unit.common.day.tuning.test_study_postgres import make_task

study.HEARTBEAT_S, study.GRACE_S = 1, 2
address, name, seed, worker, trials = sys.argv[1:]
opened = study.open_study(study.open_storage(address, Path()), name, make_task(), int(seed))
for _ in study.work(opened, make_task(), int(trials), worker if worker != "this" else study.worker_name()):
    pass
"""


def make_task() -> Task:
    """Higher is better towards 0.7; a trial takes a while, so that it can be interrupted."""

    def score(settings: dict[str, Any], fold: int) -> float:
        time.sleep(TRIAL_S / 2)
        return -abs(float(settings["x"]) - 0.7)

    return Task("x", "distance", {"x": Floats(0.0, 1.0)}, {"x": 0.2}, 2, score, lambda settings: settings["x"])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with start_postgres() as address:
        yield address


@pytest.fixture
def study(server: str, request: pytest.FixtureRequest) -> Iterator[optuna.Study]:
    storage = open_storage(server, Path())
    yield open_study(storage, request.node.name, make_task(), 0)
    dispose(storage)


def dispose(storage: Any) -> None:
    """Close its connections, which the garbage collector would complain of."""
    storage.remove_session()
    storage.engine.dispose()


def command(server: str, study: optuna.Study, seed: int, worker: str = "this", trials: int = TRIALS) -> list[str]:
    return [sys.executable, "-c", WORKER_CODE, server, study.study_name, str(seed), worker, str(trials)]


def wait_for_trial(study: optuna.Study, among: Sequence[str] = ()) -> FrozenTrial:
    """A trial that is being computed, by one of these workers, and has drawn its settings."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            worker = trial.user_attrs.get(WORKER, "")
            if trial.params and worker and (not among or worker in among):
                return trial
        time.sleep(0.02)
    raise AssertionError("no worker began a trial")


def find_retries(study: optuna.Study, killed: FrozenTrial) -> list[FrozenTrial]:
    """The trials that try a killed one's settings again, as the coordinator or the storage marks them."""
    trials = study.get_trials(deepcopy=False)
    return [each for each in trials if killed.number in (each.user_attrs.get(RETRIED), retried_by_storage(each))]


def assert_nothing_is_lost(study: optuna.Study, killed: FrozenTrial) -> None:
    """The killed trial failed, and its settings were tried again to the end, once."""
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if trial.state in FINISHED:
            assert trial.value == pytest.approx(-abs(trial.params["x"] - 0.7), abs=1e-3)
    assert trials[killed.number].state is TrialState.FAIL
    again = find_retries(study, killed)
    assert [trial.params for trial in again] == [killed.params]
    assert again[0].state in FINISHED


def retried_by_storage(trial: FrozenTrial) -> int | None:
    number: int | None = trial.system_attrs.get("failed_trial")
    return number


def test_the_coordinator_tries_again_what_a_killed_worker_was_at(
    server: str, study: optuna.Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    killed = []

    def kill() -> None:
        killed.append(wait_for_trial(study))
        os.kill(int(killed[0].user_attrs[WORKER].rpartition("-")[2]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    course = list(coordinate(study, TRIALS, [command(server, study, seed) for seed in (0, 1)]))
    killer.join()
    assert count_finished(study) >= TRIALS
    assert course == sorted(set(course))
    assert_nothing_is_lost(study, killed[0])
    assert "a worker ended with -9 (killed); its trial is tried again" in capsys.readouterr().err
    workers = [trial.user_attrs[WORKER] for trial in study.get_trials(deepcopy=False) if WORKER in trial.user_attrs]
    assert len(set(workers)) == 2


def test_machines_share_a_study_and_one_takes_up_what_a_lost_one_was_at(server: str, study: optuna.Study) -> None:
    """Nobody sees the lost one's process end: its missing heartbeat tells."""
    words: dict[str, Any] = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        subprocess.Popen(command(server, study, 0, "lost-1", 10_000), **words) as lost,
        subprocess.Popen(command(server, study, 1, "other-1", 10_000), **words) as other,
    ):
        killed = wait_for_trial(study, ["lost-1"])
        lost.kill()
        until = time.monotonic() + 60
        while time.monotonic() < until and not any(each.state in FINISHED for each in find_retries(study, killed)):
            time.sleep(0.1)
        other.kill()
    assert_nothing_is_lost(study, killed)
    trials = study.get_trials(deepcopy=False)
    # The last one may have been killed between asking for a trial and saying whose it is.
    assert {trial.user_attrs[WORKER] for trial in trials if WORKER in trial.user_attrs} == {"lost-1", "other-1"}
    assert [trial.params["x"] for trial in trials if trial.number == 0] == [0.2]  # today's settings are the first


def test_a_database_that_does_not_answer_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"postgresql\+psycopg://me:\*\*\*@127\.0\.0\.1:1/none cannot be used") as held:
        open_storage("postgresql+psycopg://me:secret@127.0.0.1:1/none", Path())
    assert "secret" not in str(held.value)
    assert held.value.__cause__ is not None
