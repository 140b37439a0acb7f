"""Fits on two worker processes of a Dask cluster must be as good as fits here; a broken cluster is one sentence."""

import gc
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.day.cluster import connect
from common.day.cluster.fit import OrderedClient
from common.day.cluster.shards import split_queries
from common.engine.errors import UserError
from common.engine.step_key import Keys
from common.learning.dataset import RankingDataset
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, fit, predict, remote_fitter
from common.learning.metrics import reciprocal_ranks
from tests.dask_loopback import start_cluster
from tests.unit.common.learning.test_gbdt import PER_QUERY, SETTINGS, plant
from tests.unit.rankers import fit_rows

AWAY = ["lightgbm_lambdarank", "lightgbm_softmax", "xgboost", "xgboost_softmax"]
SOFTMAX = ["lightgbm_softmax", "xgboost_softmax"]
TRAIN, VALID, FRESH = plant(600, 1), plant(201, 2), plant(600, 3)
BEST = float(
    reciprocal_ranks(FRESH.features[:, 1].astype(np.float64), FRESH.labels, FRESH.group_sizes, PER_QUERY).mean()
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_cluster(tmp_path_factory.mktemp("dask"), 2) as started:
        yield started.address


def fitted(kind: str, valid: RankingDataset | None, rounds: int = 30, **options: Any) -> Ranker:
    return fit_rows(kind, SETTINGS[kind], TRAIN, valid, rounds, 15, 5, **options)


def measure(ranker: Ranker) -> np.ndarray:
    return reciprocal_ranks(predict(ranker, FRESH.features), FRESH.labels, FRESH.group_sizes, PER_QUERY)


def assert_as_good(away: Ranker, here: Ranker) -> None:
    """The scores differ by less than two standard errors of their difference."""
    scores = [measure(ranker) for ranker in (away, here)]
    error = np.sqrt(sum(each.var() / len(each) for each in scores))
    assert abs(scores[0].mean() - scores[1].mean()) < 2 * error < 0.05


@pytest.mark.parametrize("kind", AWAY)
def test_two_workers_learn_what_one_machine_learns_and_stop_at_the_same_round(kind: str, address: str) -> None:
    likelihood = kind.endswith("softmax")
    with connect.use(address):
        away, again = (fitted(kind, VALID, 300, likelihood=likelihood) for _ in range(2))
        longest, other = fitted(kind, None, away.rounds), fitted(kind, VALID, 300)
    here = fitted(kind, VALID, 300, likelihood=likelihood)
    assert_as_good(away, here)
    assert measure(away).mean() > 0.9 * BEST
    assert (away.metric, type(away.model)) == (here.metric, type(here.model))
    assert tuple(away.gain) == TRAIN.names
    assert max(away.gain, key=away.gain.__getitem__) == "planted"
    assert 1 < away.rounds < 300 - 15
    assert len(away.curve) == away.rounds + 15
    assert int(np.argmax(away.curve)) == away.rounds - 1
    assert (other.rounds != away.rounds) == likelihood  # else it is stopped by NDCG or MRR
    assert longest.curve == ()
    stored = pickle.loads(pickle.dumps(away, protocol=5))
    for same in (again, stored):
        np.testing.assert_array_equal(predict(same, FRESH.features), predict(away, FRESH.features))
    np.testing.assert_allclose(predict(longest, FRESH.features), predict(away, FRESH.features), rtol=1e-5)


@pytest.mark.parametrize("kind", SOFTMAX)
def test_scores_start_from_the_base_margin_on_all_workers(kind: str, address: str) -> None:
    """The margin is what decides: after two rounds from it the first guess is as good as the best one."""
    recipe = Recipe(kind, SETTINGS[kind], 2, 15, 5, likelihood=True, base_margin="planted")
    with connect.use(address):
        away, whole = fit(recipe, TRAIN), fit(replace(recipe, rounds=40), TRAIN, VALID, whole=True)
    assert_as_good(away, fit(recipe, TRAIN))
    assert measure(away).mean() > 0.97 * BEST
    cut = kind == "lightgbm_softmax"  # what comes back from the workers ends with its best round
    assert whole.rounds == (int(np.argmax(whole.curve)) + 1 if cut else len(whole.curve))
    first = fit(replace(recipe, rounds=1), TRAIN, VALID).curve[0]
    assert whole.curve[0] == pytest.approx(first, abs=0.05)


def test_what_no_library_can_share_out_is_fitted_here_and_said_once(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = fitted("logit", None, 5)
    with connect.use(address):
        away, _ = fitted("logit", None, 5), fitted("logit", None, 2)
    assert capsys.readouterr().err.count("logit cannot be fitted by several machines and stays on this one") == 1
    np.testing.assert_array_equal(predict(away, FRESH.features), predict(here, FRESH.features))


def test_fewer_queries_than_workers_leave_no_worker_without_one(address: str) -> None:
    few = split_queries(TRAIN, 600)[0]
    for kind, more in (("lightgbm_lambdarank", {"min_data_in_leaf": 1}), ("xgboost_softmax", {})):
        with connect.use(address):
            for train, valid in ((few, None), (TRAIN, few)):
                ranker = fit_rows(kind, SETTINGS[kind] | more, train, valid, 5, 2, 1)
                assert predict(ranker, few.features).shape == few.labels.shape
                assert 1 <= ranker.rounds <= 5


def test_a_wrong_setting_is_refused_as_it_is_here(address: str) -> None:
    with connect.use(address), pytest.raises(UserError, match="take `objective` out"):
        fit_rows("xgboost_softmax", {"objective": "rank:ndcg"}, TRAIN, None, 1, 0, 1)
    with connect.use(address), pytest.raises(Exception, match="nonsense"):
        fit_rows("xgboost", {"objective": "nonsense"}, TRAIN, None, 1, 0, 1)
    with connect.use(address):
        assert fitted("xgboost", None, 2).rounds == 2


def test_two_runs_take_turns_on_the_workers(address: str) -> None:
    """With a fit of each on one of the two workers, either would wait for the other's worker for ever."""
    here = fitted("lightgbm_softmax", None, 40)
    rankers: list[Ranker] = []

    def run() -> None:
        with connect.use(address):
            rankers.extend(fitted("lightgbm_softmax", None, 40) for _ in range(3))

    runs = [threading.Thread(target=run, daemon=True) for _ in range(2)]
    for each in runs:
        each.start()
    for each in runs:
        each.join(timeout=60)
    assert len(rankers) == 6
    assert_as_good(rankers[-1], here)


def test_queries_are_split_whole_and_in_turn() -> None:
    sizes = np.array([3, 1, 2, 4, 2], np.int32)
    features = np.arange(12, dtype=np.float32)[:, None]
    rows = RankingDataset(("index",), features, np.zeros(12, np.float32), sizes)
    first, second = split_queries(rows, 2)
    assert first.features.ravel().tolist() == [0, 1, 2, 4, 5, 10, 11]
    assert first.group_sizes.tolist() == [3, 2, 2]
    assert second.features.ravel().tolist() == [3, 6, 7, 8, 9]
    assert second.group_sizes.tolist() == [1, 4]
    assert first.query_numbers.tolist() == [0, 0, 0, 1, 1, 2, 2]


# --- the key of a step ---


def test_a_fit_has_the_same_key_on_a_cluster_and_reaches_none_of_its_code(address: str, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    step = fit, [Recipe("xgboost", {"depth": 3}, 5, 2, 1)]
    before = keys.key(*step)
    with connect.use(address):
        assert remote_fitter.get() is not None
        assert Keys(tmp_path).key(*step) == before
    assert remote_fitter.get() is None
    reached = keys.code.dependencies_of("common.learning.gbdt", "fit")
    assert not [module for module, _ in reached.texts if "cluster" in module]
    assert not {"dask", "distributed"} & reached.packages


# --- what may be wrong with a cluster ---


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:1", "nonsense"])
def test_an_address_where_nobody_answers_is_one_sentence(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the client that tried is closed, while the error still holds it: the next one may deadlock with it else."""
    monkeypatch.setattr(connect, "CONNECT_S", 0.5)
    with pytest.raises(UserError, match=r"No Dask scheduler answers at .* within 0 s") as held, connect.use(where):
        pass
    assert held.value.__cause__ is not None
    assert {each.status for each in gc.get_objects() if type(each) is OrderedClient} <= {"closed"}


def test_a_scheduler_without_workers_is_one_sentence(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_: object, timeout: float) -> None:
        raise TimeoutError

    monkeypatch.setattr(OrderedClient, "wait_for_workers", wait)
    with pytest.raises(UserError, match="has no workers, 10 s waited"), connect.use(address):
        pass


def test_a_machine_with_another_library_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightgbm.__version__", "0.9")
    sentence = r"127.0.0.1:\d+ has lightgbm [\d.]+, this machine 0.9: all machines"
    with pytest.raises(UserError, match=sentence), connect.use(address):
        pass


def test_a_worker_that_was_started_elsewhere_is_named(tmp_path: Path) -> None:
    with (
        start_cluster(tmp_path, 1, cwd=tmp_path) as astray,
        pytest.raises(UserError, match=r"cannot run this project .*common.*start it in the project's folder"),
        connect.use(astray.address),
    ):
        pass


def test_a_lost_worker_or_scheduler_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker is killed in a fit: the other one would wait for it, inside LightGBM for ever, and is freed."""
    monkeypatch.setattr(connect, "CONNECT_S", 5.0)
    with start_cluster(tmp_path, 2, nanny=True) as started:
        with connect.use(started.address):
            pids = list(client().run(os.getpid).values())
            threading.Timer(1.0, os.kill, (pids[1], signal.SIGKILL)).start()
            with pytest.raises(UserError, match=r"worker tcp://127.0.0.1:\d+ was lost during a fit"):
                fitted("lightgbm_softmax", None, 1_000_000)
            client().wait_for_workers(2, timeout=60)
        with connect.use(started.address):
            assert fitted("lightgbm_softmax", None, 3).rounds == 3
            threading.Timer(1.0, started.scheduler.kill).start()
            with pytest.raises(UserError, match="scheduler was lost during a fit"):
                fitted("xgboost", None, 1_000_000)


def client() -> Any:
    away: Any = remote_fitter.get()
    return away.__self__._client
