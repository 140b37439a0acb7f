"""Tuning: a study finds a planted optimum, keeps a gain only beyond the noise, and loses nothing when it is cut off."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from common.day.tuning import study as studies
from common.day.tuning.task import FOLDS, Scores, Task, TrialParams, Verdict, judge_params, judge_study
from common.engine.errors import UserError

Storage = optuna.storages.BaseStorage
SPACE = {"x": FloatDistribution(0.0, 1.0)}


def make_task(best: float = 0.7, unseen: float | None = None, folds: int = 3, spread: float = 0.0) -> Task:
    """A score that is highest where x = ``best``; ``unseen``: another optimum on the split that judges, where fits lie
    ``spread`` apart.
    """

    def score(params: TrialParams, fold: int) -> Scores:
        return np.full(20, 1 - (params["x"] - best) ** 2)

    def judge(params: TrialParams, fit: int) -> Scores:
        noisy, x = 0.01 * np.random.default_rng(0).random(50), params["x"]
        return np.asarray(1 - (x - (best if unseen is None else unseen)) ** 2 + noisy * x + spread * fit)

    return Task("toy", "gain", SPACE, {"x": 0.2}, folds, score, judge)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return studies.open_storage(None, tmp_path / "tuning")


def begin(storage: Storage, trials: int, task: Task, *first: float) -> optuna.Study:
    """A study of a task with so many trials, the ``first`` of which are given."""
    study = studies.open_study(storage, "s", task, 0)
    for x in first:
        study.enqueue_trial({"x": x})
    studies.fill(study, task, trials)
    return study


def judge(storage: Storage, trials: int, task: Task) -> Verdict:
    return judge_study(task, begin(storage, trials, task), judge_params(task, task.current))


def test_the_settings_of_today_are_tried_first_and_the_best_is_near_the_planted_one(storage: Storage) -> None:
    verdict = judge(storage, 15, make_task())
    assert studies.open_study(storage, "s", make_task(), 0).trials[0].params == {"x": 0.2}
    assert abs(verdict.params["x"] - 0.7) < 0.1
    assert verdict.params["x"] == float(f"{verdict.params['x']:.3g}")  # what is judged is what is written
    assert verdict.before == pytest.approx(0.75, abs=0.02)
    assert (verdict.accepted, verdict.trials) == (True, 15)


def test_a_study_goes_on_where_it_was_and_a_second_process_draws_other_settings(storage: Storage) -> None:
    task = make_task()
    begin(storage, 3, task)
    again = studies.open_study(storage, "s", task, 0)
    for _ in range(2):  # the second time there is nothing to do
        studies.fill(again, task, 6)
        drawn = [trial.params["x"] for trial in again.trials]
        assert len(set(drawn)) == len(drawn) == 6  # today's settings are not tried twice


def test_a_gain_that_only_the_study_sees_is_not_kept(storage: Storage) -> None:
    verdict = judge(storage, 8, make_task(unseen=0.2))
    assert verdict.gain.mean < 0
    assert not verdict.accepted


def test_todays_score_is_the_weighted_mean_of_the_queries(storage: Storage) -> None:
    def score(params: TrialParams, fit: int) -> Scores:
        return np.array([params["x"], 1.0, 0.0])

    verdict = judge(storage, 6, replace(make_task(), judge=score, weights=np.array([2.0, 1, 1])))
    assert verdict.before == pytest.approx((2 * 0.2 + 1 + 0) / 4)
    assert verdict.gain.mean == pytest.approx(verdict.after - verdict.before)


def test_a_gain_within_the_noise_of_the_fits_is_not_kept(storage: Storage) -> None:
    task = make_task(spread=0.5)  # three fits lie .5 apart, the gain is .24
    verdict = judge(storage, 15, task)
    assert verdict.gain.mean == pytest.approx(0.25, abs=0.02)
    assert verdict.gain.error > 0.4
    assert verdict.gain.verdict == "within the noise"  # by the function that compares two runs
    assert not verdict.accepted


def test_a_trial_that_falls_behind_is_not_carried_on(storage: Storage) -> None:
    seen: list[tuple[float, int]] = []
    noise = np.random.default_rng(0).normal(0, 1, 100)  # of the queries, the same in every trial

    def score(params: TrialParams, fold: int) -> Scores:
        seen.append((params["x"], fold))
        return np.asarray(params["x"] + noise)

    study = begin(storage, 4, replace(make_task(), score=score, current={"x": 0.9}), 0.9, 0.1, 0.9)
    assert [fold for x, fold in seen if x == 0.1] == [0]
    assert [fold for x, fold in seen if x == 0.9] == [0, 1, 2] * 3  # as good as the best: to the end
    (pruned,) = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert pruned.user_attrs[FOLDS] == [pytest.approx(0.1 + noise.mean())]


def test_settings_that_cannot_be_end_their_trial_and_a_fault_of_the_code_the_study(storage: Storage) -> None:
    def score(params: TrialParams, fold: int) -> Scores:
        if params["x"] > 0.9:
            raise UserError("x is too large")
        if params["x"] < 0.1:
            raise KeyError("a fault of the code")
        return np.full(20, 1 - (params["x"] - 0.7) ** 2 + fold / 100)

    task = replace(make_task(), score=score)
    study = begin(storage, 3, task, 0.95, 0.6)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.COMPLETE]
    with pytest.raises(KeyError):
        begin(storage, 5, task, 0.05)


def test_no_trial_begins_behind_the_time(storage: Storage) -> None:
    task = make_task()
    study = studies.open_study(storage, "s", task, 0)
    for trials, seconds, done in ((None, 0, 0), (3, 3600, 3)):  # the trials are there before the hour is over
        studies.fill(study, task, trials, seconds)
        assert studies.count_finished(study) == done


# --- the storage ---


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:hidden-word@127.0.0.1:1/none?connect_timeout=2",
        "postgresql+psycopg://me:hidden-word@127.0.0.1:port/none",
        "postgresql+psycopg://me:hidden@hidden-word@127.0.0.1/none",
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


def test_another_space_or_other_folds_are_another_study() -> None:
    assert studies.fingerprint(make_task(folds=1)) == studies.fingerprint(make_task(best=0.1, folds=1))
    assert studies.fingerprint(make_task(folds=1)) != studies.fingerprint(make_task(folds=2))
