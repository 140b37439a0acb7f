"""Tuning: a study finds a planted optimum, keeps a gain only beyond the noise, and loses nothing when it is cut off."""

import datetime
import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution

from common.day.difference import Difference, compute_difference
from common.day.fit_noise import pool_variance
from common.day.tuning import study as studies
from common.day.tuning import tuned_config
from common.day.tuning.search_space import Settings
from common.day.tuning.task import (
    FITS,
    FOLDS,
    Scores,
    Task,
    Verdict,
    describe_need,
    find_value,
    judge_settings,
    judge_study,
    pair_fits,
)
from common.engine.errors import UserError

Storage = optuna.storages.BaseStorage
SPACE = {"x": FloatDistribution(0.0, 1.0)}


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

    return Task("toy", "gain", SPACE, {"x": 0.2}, folds, score, judge)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return studies.open_storage(None, tmp_path / "tuning")


def begin(storage: Storage, trials: int, task: Task | None = None) -> tuple[Task, optuna.Study]:
    """A study of a task with so many trials."""
    task = task or make_task()
    study = studies.open_study(storage, "s", task, 0)
    studies.fill(study, task, trials)
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
    studies.fill(again, task, 5)
    assert len(again.trials) == 5
    assert [trial.params["x"] for trial in again.trials].count(0.2) == 1  # today's settings are not tried twice
    studies.fill(again, task, 5)
    assert len(again.trials) == 5


def test_a_gain_that_only_the_study_sees_is_not_kept(storage: Storage) -> None:
    task, study = begin(storage, 8, make_task(unseen=0.2))
    verdict = judge_study(task, study, judge_settings(task, task.current))
    assert verdict.fold_gain > verdict.fold_error
    assert verdict.gain.mean < 0
    assert not verdict.accepted


def test_todays_score_is_the_weighted_mean_of_the_queries(storage: Storage) -> None:
    def judge(settings: Settings, fit: int) -> Scores:
        return np.array([settings["x"], 1.0, 0.0])

    task, study = begin(storage, 1, replace(make_task(), judge=judge, weights=np.array([2.0, 1, 1])))
    assert judge_study(task, study, judge_settings(task, task.current)).before == pytest.approx((2 * 0.2 + 1 + 0) / 4)


def test_a_gain_within_the_noise_of_the_fits_is_not_kept(storage: Storage) -> None:
    task, study = begin(storage, 15, make_task(spread=0.5))  # three fits lie .5 apart, the gain is .24
    verdict = judge_study(task, study, judge_settings(task, task.current))
    assert verdict.gain.mean == pytest.approx(0.25, abs=0.02)
    assert verdict.gain.error > 0.4
    assert verdict.gain.verdict == "within the noise"  # by the function that compares two runs
    today, later = (judge_settings(task, each) for each in (task.current, verdict.settings))
    noise = pool_variance([list(fits.mean(1)) for fits in (today, later)])
    assert verdict.gain == compute_difference(pair_fits(today, later, np.ones(50)), noise, (FITS, FITS))
    assert not verdict.accepted


def test_the_gain_must_exceed_the_noise_on_both_sides() -> None:
    assert make_verdict().accepted
    for changed in ({"gain": 0.015}, {"fold_gain": 0.005}, {"gain": -0.03}):  # at least twice the error
        assert not make_verdict(**changed).accepted


def test_a_study_says_first_which_gain_it_could_see() -> None:
    task = make_task(spread=0.1)
    said = describe_need(task, judge_settings(task, task.current))
    found = re.search(
        r"today's settings have 0\.\d{4} on 50 unseen queries \(3 fits\): a gain below about ([.\d]+) is", said
    )
    assert found is not None
    # Deviation .1, three fits known: two standard errors of two means of three, with Student's quantile of two degrees.
    assert float(found[1]) == pytest.approx(2 * 0.1 * (2 / FITS) ** 0.5 * 4.27 / 1.96, rel=0.01)
    assert "another fit does not move this score" in describe_need(task, np.ones((3, 50)))


def make_verdict(**changed: Any) -> Verdict:
    figures = {"gain": 0.02, "fold_gain": 0.02, "fold_error": 0.01} | changed
    figures["gain"] = Difference(figures["gain"], 0.01, 50, 50, 6)
    return Verdict("toy", "s", 4, 9, "gain", {"rank.m.x": 0.5, "rank.models": ["a"]}, 0.5, 0.52, **figures)


def test_a_trial_that_falls_behind_is_not_carried_on(storage: Storage) -> None:
    seen: list[tuple[float, int]] = []
    noise = np.random.default_rng(0).normal(0, 1, 100)  # of the queries, the same in every trial

    def score(settings: Settings, fold: int) -> Scores:
        seen.append((settings["x"], fold))
        return np.asarray(settings["x"] + noise)

    task = Task("toy", "gain", SPACE, {"x": 0.9}, 3, score, lambda settings, fit: np.zeros(1))
    study = studies.open_study(storage, "s", task, 0)
    for x in (0.9, 0.1, 0.9):
        study.enqueue_trial({"x": x})
    studies.fill(study, task, 4)
    assert [fold for x, fold in seen if x == 0.1] == [0]
    assert [fold for x, fold in seen if x == 0.9] == [0, 1, 2] * 3  # as good as the best: to the end
    (pruned,) = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.PRUNED]
    assert pruned.user_attrs[FOLDS] == [pytest.approx(0.1 + noise.mean())]
    assert find_value(pruned) == pytest.approx(0.1 + noise.mean())
    verdict = judge_study(task, study, judge_settings(task, task.current))
    assert (verdict.trials, verdict.pruned) == (4, 1)


def refuse(settings: Settings, fold: int) -> Scores:
    raise UserError("cannot be")


def test_trials_that_fail_are_counted_as_nothing_and_not_for_ever(storage: Storage) -> None:
    task = Task("toy", "gain", SPACE, {"x": 0.5}, 1, refuse, lambda settings, fit: np.zeros(1))
    study = studies.open_study(storage, "s", task, 0)
    with pytest.raises(UserError, match="5 trials of s failed in a row"):
        studies.fill(study, task, 3)


# --- the line a trial, the time ---


def test_every_trial_has_its_line_with_the_best_and_the_time_left(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    def score(settings: Settings, fold: int) -> Scores:
        if settings["x"] > 0.9:
            raise UserError("x is too large: take less")
        return np.full(20, 1 - (settings["x"] - 0.7) ** 2 + fold / 100 - (5 if settings["x"] < 0.15 else 0))

    task = replace(make_task(), score=score)
    study = studies.open_study(storage, "s", task, 0)
    for value in (0.5, 0.95, 0.6, 0.65, 0.1):
        study.enqueue_trial({"x": value})
    studies.fill(study, task, 5)
    lines = capsys.readouterr().err.splitlines()
    assert re.match(
        r"  trial   0: 0\.7600 \(0\.7500 0\.7600 0\.7700\), 1 s; best 0\.7600 \(trial 0\), about .* left", lines[0]
    )
    assert re.match(r"  trial   1: 0\.9700 .* best 0\.9700 \(trial 1\)", lines[1])
    assert lines[2].startswith("  trial   2: failed, x is too large: take less; best 0.9700 (trial 1)")
    assert "best 1.0075 (trial 4)" in lines[4]
    assert lines[5].startswith("  trial   5: -4")
    assert lines[5].endswith("pruned after 1 fold; best 1.0075 (trial 4)")  # and nothing is left to do
    assert len(lines) == 6


def test_no_trial_begins_behind_the_time(storage: Storage) -> None:
    task = make_task()
    study = studies.open_study(storage, "s", task, 0)
    studies.fill(study, task, None, 0)
    assert studies.count_finished(study) == 0
    studies.fill(study, task, 3, 3600)  # the trials are there before the hour is over
    assert studies.count_finished(study) == 3


def test_a_second_process_draws_other_settings_than_the_first(storage: Storage) -> None:
    _, first = begin(storage, 3)
    task = make_task()
    second = studies.open_study(storage, first.study_name, task, 0)
    studies.fill(second, task, 6)
    drawn = [tuple(trial.params.values()) for trial in second.trials]
    assert len(set(drawn)) == len(drawn) == 6


# --- the storage ---


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:hidden-word@127.0.0.1:1/none?connect_timeout=2",
        "postgresql+psycopg://me@127.0.0.1:1/none?password=hidden-word",
        "postgresql+psycopg://127.0.0.1:1/none?sslpassword=hidden-word",
        "postgresql+psycopg://me:hidden-word@127.0.0.1:port/none",
        "postgresql+psycopg:/me:hidden-word@127.0.0.1/none",
        "postgresql+psycopg://me:hidden@hidden-word@127.0.0.1/none",
        "me:hidden-word@127.0.0.1/none",
        "postgresql+nodriver://me:hidden-word@127.0.0.1/none",
        "postgresql+psycopg://me:hidden-word@[::1/none",
    ],
)
def test_a_storage_that_cannot_be_used_is_one_sentence_without_its_password(url: str) -> None:
    with pytest.raises(UserError, match=r"^The storage ") as caught:
        studies.open_storage(url, Path())
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_storage_is_shown_without_password_and_options() -> None:
    assert studies.show_storage("postgresql://me:p%40ss@db/x?sslpassword=other", Path()) == "postgresql://me:***@db/x"
    assert studies.show_storage(None, Path("build")) == "build/journal.log"


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
