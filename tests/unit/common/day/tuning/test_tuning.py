"""Tuning: a study finds a planted optimum, keeps a gain only beyond the noise, and loses nothing when it is cut off."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import polars as pl
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from common.day.tuning import study as studies
from common.day.tuning.space import Space, TrialParams
from common.day.tuning.task import CURRENT, Task, Verdict, find_best, judge_trial, split_halves
from common.engine.errors import UserError

Storage = optuna.storages.BaseStorage
SPACE: Space = {"x": FloatDistribution(0.0, 1.0)}
TODAY = 0.2


def make_task(unseen: float = 0.7, clusters: int = 50, spread: float = 0.0) -> Task:
    """A score that is highest where x = .7; ``unseen``: another optimum on the half that judges, whose hundred queries
    are in so many clusters and whose fits lie ``spread`` apart.
    """

    def judge(params: TrialParams) -> pl.DataFrame:
        rng, x = np.random.default_rng(0), params.get("x", TODAY)
        fits = 1 - (x - unseen) ** 2 + rng.normal(size=(100, 1)) + spread * rng.normal(size=3) * (x - TODAY)
        gains = rng.normal(0, 0.8, clusters)[np.arange(100) % clusters] * (x - TODAY)  # of a cluster's queries alike
        fits = fits + gains[:, None] + 0.01 * rng.normal(size=(100, 3)) * x
        columns = {"query": [str(n) for n in range(100)], "fold": "all", "score": fits.mean(1), "fits": fits.tolist()}
        return pl.DataFrame({**columns, "cluster": np.arange(100) % clusters})

    def score(params: TrialParams) -> float:
        return 1 - (params.get("x", TODAY) - 0.7) ** 2

    return Task("toy", "gain", SPACE, {"seed": 0}, {"x": TODAY}, score, judge)


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
    study = begin(storage, trials, task)
    best = find_best(study)
    assert best
    return judge_trial(task, study, best)


def test_the_settings_of_today_are_tried_first_and_the_best_is_near_the_planted_one(storage: Storage) -> None:
    verdict = judge(storage, 15, make_task())
    assert studies.open_study(storage, "s", make_task(), 0).trials[0].params == {"x": TODAY}
    assert abs(verdict.params["x"] - 0.7) < 0.1
    assert verdict.after - verdict.before == pytest.approx(verdict.gain.mean)
    assert (verdict.accepted, verdict.trials) == (True, 15)


def test_a_study_goes_on_where_it_was_and_a_second_process_draws_other_settings(storage: Storage) -> None:
    task = make_task()
    begin(storage, 3, task)
    again = studies.open_study(storage, "s", task, 0)
    for _ in range(2):  # the second time there is nothing to do
        studies.fill(again, task, 6)
        drawn = [trial.params["x"] for trial in again.trials]
        assert len(set(drawn)) == len(drawn) == 6  # today's settings are not tried twice


# --- the halves, and judging on one of them ---


def test_no_cluster_is_in_both_halves_and_a_query_falls_on_its_side_whatever_else_is_scored() -> None:
    rng = np.random.default_rng(0)
    queries = pl.DataFrame({"query": [str(n) for n in range(2000)], "cluster": rng.integers(0, 400, 2000)})
    searched, judged = split_halves(queries)
    assert not set(searched["cluster"]) & set(judged["cluster"])
    assert searched.height + judged.height == 2000
    assert 800 < judged.height < 1200
    assert split_halves(queries.reverse().head(300))[1].join(judged, on="query", how="anti").is_empty()
    single = split_halves(queries.drop("cluster"))
    assert 900 < single[0].height < 1100


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (make_task(unseen=TODAY), "not kept: clear loss"),  # a gain that only the study sees
        (make_task(spread=1.0), "not kept: within the noise"),  # of the fits: the gain is .25
        (make_task(clusters=12), "not kept: within the noise"),  # of 12 clusters
        (make_task(clusters=8), "not kept: too few"),
    ],
)
def test_a_gain_within_the_noise_of_fits_or_clusters_is_not_kept(storage: Storage, task: Task, words: str) -> None:
    verdict = judge(storage, 15, task)
    assert verdict.conclusion.startswith(words)
    assert not verdict.accepted


def test_every_further_trial_that_is_judged_asks_for_a_clearer_gain(storage: Storage) -> None:
    task = make_task()
    study = begin(storage, 6, task)
    trials = [trial for trial in study.trials if CURRENT not in trial.user_attrs][:2]
    assert [judge_trial(task, study, trial).gain.compared for trial in (*trials, trials[0])] == [1, 2, 2]


# --- trials ---


def test_a_trial_lies_in_the_space_whatever_its_kind(storage: Storage) -> None:
    space: Space = {"a": IntDistribution(3, 9, log=True), "b": CategoricalDistribution(["u", "v"]), **SPACE}
    seen: list[TrialParams] = []

    def score(params: TrialParams) -> float:
        seen.append(params)
        return 0.0

    begin(storage, 12, replace(make_task(), space=space, score=score))
    assert seen[0] == {}
    assert {type(value) for value in seen[1].values()} == {int, str, float}
    assert all(3 <= params["a"] <= 9 and params["b"] in "uv" and 0 <= params["x"] <= 1 for params in seen[1:])


def test_settings_that_cannot_be_end_their_trial_and_a_fault_of_the_code_the_study(storage: Storage) -> None:
    def score(params: TrialParams) -> float:
        x = params.get("x", TODAY)
        if x > 0.9:
            raise UserError("x is too large")
        if x < 0.1:
            raise KeyError("a fault of the code")
        return 1 - (x - 0.7) ** 2

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


def test_another_space_or_other_settings_are_another_study() -> None:
    task = make_task()
    others = [replace(task, settings={"seed": 1}), replace(task, space={"x": FloatDistribution(0.0, 2.0)})]
    assert len({studies.fingerprint(one) for one in (task, make_task(unseen=0.1), *others)}) == 3
