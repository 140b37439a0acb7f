"""A study on a PostgreSQL server, worked on by two processes of which one is killed."""

import subprocess
import sys
from collections.abc import Iterator

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy.pool import NullPool

from tests.postgres import start_postgres

TRIALS = 12
WORKER = f"""
import sys, time, warnings
import optuna
from optuna.storages import RDBStorage, RetryFailedTrialCallback

def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    print(trial.number, flush=True)
    time.sleep(0.5)
    return x

warnings.simplefilter("ignore")
retry = RetryFailedTrialCallback(max_retry=2)
storage = RDBStorage(sys.argv[1], heartbeat_interval=1, grace_period=2, failed_trial_callback=retry)
study = optuna.load_study(study_name="loop", storage=storage)
study.optimize(objective, callbacks=[optuna.study.MaxTrialsCallback({TRIALS}, (optuna.trial.TrialState.COMPLETE,))])
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with start_postgres() as address:
        yield address


def test_a_killed_worker_loses_no_trial(server: str) -> None:
    storage = optuna.storages.RDBStorage(server, engine_kwargs={"poolclass": NullPool})
    study = optuna.create_study(study_name="loop", storage=storage)
    words = [sys.executable, "-c", WORKER, server]
    workers = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in "ab"]
    doomed, other = workers
    assert doomed.stdout is not None
    killed = int(doomed.stdout.readline())  # it says its trial's number from inside the trial
    doomed.kill()
    doomed.communicate()
    other.communicate(timeout=120)
    assert other.returncode == 0
    trials = study.get_trials(deepcopy=False)
    assert sum(trial.state is TrialState.COMPLETE for trial in trials) == TRIALS
    assert trials[killed].state is TrialState.FAIL
    again = [trial for trial in trials if trial.system_attrs.get("failed_trial") == killed]
    assert [trial.params for trial in again] == [trials[killed].params]
    assert again[0].state is TrialState.COMPLETE
    assert again[0].value == trials[killed].params["x"]
