"""Tuning: a study finds a planted optimum, keeps a gain only beyond the noise, and loses nothing when it is cut off."""

import datetime
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from common.day.tuning import study as studies
from common.day.tuning import tuned_config
from common.day.tuning.search_space import Choices, Floats, Settings
from common.day.tuning.task import (
    FOLDS,
    WORKER,
    Scores,
    Task,
    Verdict,
    find_value,
    judge_settings,
    judge_study,
    run_trial,
)
from common.engine.errors import UserError
from competitions.cli.options import TuneOptions
from competitions.cli.tuning import _worker_arguments
from tests.conftest import Call

Storage = optuna.storages.BaseStorage
RUNNING, FAIL = optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.FAIL


def make_task(
    best: float = 0.7, noise: float = 0.0, unseen: float | None = None, folds: int = 3, spread: float = 0.0
) -> Task:
    """A score that is highest where x = ``best``; ``unseen``: another optimum on the split that judges, where fits lie
    ``spread`` apart.
    """

    def score(settings: Settings, fold: int) -> Scores:
        return np.full(20, 1 - (settings["x"] - best) ** 2 + noise * (-1) ** fold)

    def judge(settings: Settings, fit: int) -> Scores:
        noisy, x = 0.01 * np.random.default_rng(0).random(50), settings["x"]
        return np.asarray(1 - (x - (best if unseen is None else unseen)) ** 2 + noisy * x + spread * fit)

    return Task("toy", "gain", {"x": Floats(0.0, 1.0)}, {"x": 0.2}, folds, score, judge)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return studies.open_storage(None, tmp_path / "tuning")


def fill(study: optuna.Study, task: Task, trials: int) -> list[int]:
    return list(studies.work(study, task, trials, studies.worker_name()))


def begin(storage: Storage, trials: int, task: Task | None = None) -> tuple[Task, optuna.Study]:
    """A study of a task with so many trials."""
    task = task or make_task()
    study = studies.open_study(storage, "s", task, 0)
    fill(study, task, trials)
    return task, study


def test_the_settings_of_today_are_tried_first_and_the_best_is_near_the_planted_one(storage: Storage) -> None:
    task, study = begin(storage, 15)
    assert study.trials[0].params == {"x": 0.2}
    verdict = judge_study(task, study, judge_settings(task, task.current))
    assert abs(verdict.settings["x"] - 0.7) < 0.1
    assert verdict.before == pytest.approx(0.75, abs=0.02)
    assert verdict.accepted
    assert verdict.trials == 15


def test_a_study_goes_on_where_it_was(storage: Storage) -> None:
    task, _ = begin(storage, 3)
    again = studies.open_study(storage, "s", task, 1)
    assert fill(again, task, 5) == [4, 5]
    assert [trial.params["x"] for trial in again.trials].count(0.2) == 1  # today's settings are not tried twice
    assert fill(again, task, 5) == []


def test_a_gain_that_only_the_study_sees_is_not_kept(storage: Storage) -> None:
    task, study = begin(storage, 8, make_task(unseen=0.2))
    verdict = judge_study(task, study, judge_settings(task, task.current))
    assert verdict.fold_gain > verdict.fold_error
    assert verdict.gain < 0
    assert not verdict.accepted


def test_a_gain_within_the_noise_of_the_fits_is_not_kept(storage: Storage) -> None:
    task, study = begin(storage, 15, make_task(spread=0.5))  # three fits lie .5 apart, the gain is .24
    verdict = judge_study(task, study, judge_settings(task, task.current))
    assert verdict.gain == pytest.approx(0.25, abs=0.02)
    assert verdict.error > 0.4
    assert not verdict.accepted


def test_the_gain_must_exceed_the_noise_on_both_sides() -> None:
    assert make_verdict().accepted
    for changed in ({"gain": 0.005}, {"fold_gain": 0.005}, {"gain": -0.02}, {"error": 0.0}):
        assert not make_verdict(**changed).accepted


def make_verdict(**changed: Any) -> Verdict:
    figures = {"gain": 0.02, "error": 0.01, "fold_gain": 0.02, "fold_error": 0.01} | changed
    return Verdict("toy", "s", 4, 9, "gain", {"rank.m.x": 0.5, "rank.models": ["a"]}, 0.5, 0.52, **figures)


def test_a_trial_that_falls_behind_is_not_carried_on(storage: Storage) -> None:
    seen: list[tuple[float, int]] = []
    noise = np.random.default_rng(0).normal(0, 1, 100)  # of the queries, the same in every trial

    def score(settings: Settings, fold: int) -> Scores:
        seen.append((settings["x"], fold))
        return np.asarray(settings["x"] + noise)

    task = Task("toy", "gain", {"x": Choices((0.9, 0.1))}, {"x": 0.9}, 3, score, lambda settings, fit: np.zeros(1))
    study = studies.open_study(storage, "s", task, 0)
    for x in (0.9, 0.1, 0.9):
        study.enqueue_trial({"x": x})
    fill(study, task, 4)
    assert [fold for x, fold in seen if x == 0.1] == [0]
    assert [fold for x, fold in seen if x == 0.9] == [0, 1, 2] * 3  # as good as the best: to the end
    (pruned,) = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.PRUNED]
    assert pruned.user_attrs[FOLDS] == [pytest.approx(0.1 + noise.mean())]
    assert find_value(pruned) == pytest.approx(0.1 + noise.mean())
    verdict = judge_study(task, study, np.zeros((3, 1)))
    assert (verdict.trials, verdict.pruned) == (4, 1)


def refuse(settings: Settings, fold: int) -> Scores:
    raise UserError("cannot be")


def test_trials_that_fail_are_counted_as_nothing_and_not_for_ever(storage: Storage) -> None:
    task = Task("toy", "gain", {"x": Floats(0, 1)}, {"x": 0.5}, 1, refuse, lambda settings, fit: np.zeros(1))
    study = studies.open_study(storage, "s", task, 0)
    with pytest.raises(UserError, match="5 trials of s failed one after the other"):
        fill(study, task, 3)


# --- workers ---


def test_what_a_dead_worker_was_at_is_marked_and_tried_again(storage: Storage) -> None:
    task = make_task()
    study = studies.open_study(storage, "s", task, 0)
    trial = study.ask()
    trial.set_user_attr(WORKER, studies.worker_name())
    trial.suggest_float("x", 0.0, 1.0)
    other = study.ask()
    other.set_user_attr(WORKER, "elsewhere-1")
    pid = int(studies.worker_name().rpartition("-")[2])
    studies.rescue(study, [pid + 1])
    assert [one.state for one in study.trials] == [RUNNING, RUNNING]
    studies.rescue(study, [pid])
    assert [one.state for one in study.trials[:2]] == [FAIL, RUNNING]
    run_trial(task, "me", study.ask())
    assert study.trials[2].params == study.trials[0].params == {"x": 0.2}
    assert study.trials[2].user_attrs[studies.RETRIED] == 0
    studies.rescue(study, [pid], again=False)
    assert len(study.trials) == 3


# The survivor waits for what the dead one left: else it might finish the study before anybody looks.
WORK = """
import contextlib, os, signal, sys, time
from pathlib import Path
from common.day.tuning import study as studies
from tests.unit.common.day.tuning.test_tuning import make_task

folder, trials, mark = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
task = make_task()
score = task.score

def once(settings, fold):
    if fold == 1:
        with contextlib.suppress(FileNotFoundError):
            mark.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        while not any(studies.RETRIED in trial.user_attrs for trial in study.get_trials()):
            time.sleep(0.05)
    return score(settings, fold)

object.__setattr__(task, "score", once)
study = studies.open_study(studies.open_storage(None, folder), "s", task, os.getpid())
for _ in studies.work(study, task, trials, studies.worker_name()):
    pass
"""


def test_two_workers_fill_a_study_though_one_is_killed_in_a_trial(tmp_path: Path) -> None:
    folder, mark = tmp_path / "tuning", tmp_path / "kill-one"
    mark.write_text("")
    task = make_task()
    study = studies.open_study(studies.open_storage(None, folder), "s", task, 0)
    command = [sys.executable, "-c", WORK, str(folder), "8", str(mark)]
    seen = list(studies.coordinate(study, 8, [command, command]))
    assert seen == sorted(set(seen))
    assert seen[-1] >= 8
    assert studies.count_finished(study) >= 8
    (dead,) = [trial for trial in study.trials if trial.state == FAIL and trial.user_attrs.get(FOLDS)]
    (again,) = [trial for trial in study.trials if trial.user_attrs.get(studies.RETRIED) == dead.number]
    assert again.params == dead.params
    assert again.state.is_finished()
    assert RUNNING not in [trial.state for trial in study.trials]


def test_when_every_worker_has_ended_the_study_says_so_and_keeps_its_trials(tmp_path: Path) -> None:
    _, study = begin(studies.open_storage(None, tmp_path), 2)
    with pytest.raises(UserError, match="ended after 2 of 5 trials, which are kept"):
        list(studies.coordinate(study, 5, [[sys.executable, "-c", "raise SystemExit(3)"]]))
    assert studies.count_finished(study) == 2


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:hidden-word@127.0.0.1:1/none?connect_timeout=2",
        "postgresql+psycopg://me@127.0.0.1:1/none?password=hidden-word",
        "postgresql+psycopg://127.0.0.1:1/none?sslpassword=hidden-word",
        "postgresql+psycopg://me:hidden-word@127.0.0.1:port/none",
        "postgresql+psycopg:/me:hidden-word@127.0.0.1/none",
        "me:hidden-word@127.0.0.1/none",
        "postgresql+nodriver://me:hidden-word@127.0.0.1/none",
        "postgresql+psycopg://me:hidden-word@[::1/none",
    ],
)
def test_no_address_shows_its_password_however_it_is_written(url: str) -> None:
    with pytest.raises(UserError, match=r"cannot be used .*start the database") as caught:
        studies.open_storage(url, Path())
    assert "hidden-word" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_message_is_shown_without_the_password_in_it() -> None:
    url = "postgresql://me:p%40ss@db/x?sslpassword=other"
    shown, message = studies.hide_secrets(url, f"failed for {url} with p@ss, p%40ss or other")
    assert shown == "postgresql://me:***@db/x?sslpassword=%2A%2A%2A"
    assert message == "failed for *** with ***, *** or ***"
    assert studies.hide_secrets("sqlite:///x.db", "locked") == ("sqlite:///x.db", "locked")


def test_workers_get_the_address_by_their_environment_alone(storage: Storage, tmp_path: Path) -> None:
    options = TuneOptions(name="news", workers=2, storage="postgresql://me:hidden-word@db/x")
    assert "hidden-word" not in " ".join(_worker_arguments(options, "task", 0))
    study = studies.open_study(storage, "s", make_task(), 0)
    code = f"import os, pathlib; pathlib.Path({str(tmp_path / 'seen')!r}).write_text(os.environ['RECSYS_STORAGE'])"
    with pytest.raises(UserError, match="All workers"):
        list(studies.coordinate(study, 5, [[sys.executable, "-c", code]], options.storage))
    assert (tmp_path / "seen").read_text() == options.storage


def test_the_address_may_be_given_by_the_environment(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    address = "postgresql+psycopg://me:hidden-word@127.0.0.1:1/none"
    monkeypatch.setenv(studies.STORAGE, address)

    def stop(options: TuneOptions) -> None:
        raise UserError("stopped here" if options.storage == address else "another address")

    monkeypatch.setattr("competitions.cli.tuning._load_inputs", stop)
    assert call("tune", "news") == (1, "", "error: stopped here\n")


def test_a_study_is_written_for_the_report(storage: Storage, tmp_path: Path) -> None:
    task, study = begin(storage, 6, make_task(folds=1))
    assert studies.fingerprint(task) == studies.fingerprint(make_task(best=0.1, folds=1))
    assert studies.fingerprint(task) != studies.fingerprint(make_task(folds=2))  # another study
    record = json.loads(studies.write_study(study, task, tmp_path / "toy.json").read_text())
    assert (record["study"], record["metric"], record["current"]) == ("s", "gain", pytest.approx(0.75))
    assert [trial["number"] for trial in record["trials"]] == list(range(6))
    assert record["best"] == study.best_params
    assert record["importance"] == {"x": 1.0}
    assert record["trials"][0]["folds"] == [record["trials"][0]["value"]]


# --- tuned.toml ---


def test_tuned_settings_come_with_their_provenance_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "tuned.toml"
    path.write_text('[rank.other]\ny = 3\n\n[provenance.other]\nstudy = "o"\n')
    tuned_config.write_tuned(path, "news", make_verdict(fold_gain=0.04, fold_error=0.03), "simulated 12ab")
    tables = tomllib.loads(path.read_text())
    assert tables["rank"] == {"other": {"y": 3}, "m": {"x": 0.5}, "models": ["a"]}
    assert tables["provenance"]["other"] == {"study": "o"}
    assert " ".join(tables["provenance"]["toy"]) == (
        "study trial trials metric before after gain error gain_on_folds error_on_folds data date"
    )
    figures = ["s", 4, 9, "gain", 0.5, 0.52, 0.02, 0.01, 0.04, 0.03, "simulated 12ab", datetime.date.today()]
    assert list(tables["provenance"]["toy"].values()) == figures
    assert path.read_text().startswith("# Written by `make tune-news`")


def test_settings_that_were_found_on_other_files_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "tuned.toml"
    assert tuned_config.list_foreign(path, "1234abcd99") == []
    path.write_text('[provenance.other]\nstudy = "o"\n')
    tuned_config.write_tuned(path, "news", make_verdict(), "simulated 1234abcd")
    assert tuned_config.list_foreign(path, "1234abcd99") == ["other"]
    assert tuned_config.list_foreign(path, "1234abce99") == ["other", "toy"]
    assert tuned_config.holds_nothing_for(path, "1234abce99")
    assert not tuned_config.holds_nothing_for(path, "1234abcd99")
    assert not tuned_config.holds_nothing_for(tmp_path / "none.toml", "1234abce99")
    path.write_text("[x")
    with pytest.raises(UserError, match=r"tuned\.toml is not valid TOML"):
        tuned_config.write_tuned(path, "news", make_verdict(), "")
