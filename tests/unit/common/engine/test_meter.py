"""The threads that libraries take, as the environment says."""

import pytest

from common.engine.meter import count_threads


def test_threads_are_those_of_the_environment_or_one_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("3", "3,2"):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert count_threads()["openmp"] == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    cores = count_threads()["openmp"]
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert count_threads()["openmp"] == cores >= 1
    assert count_threads()["polars"] >= 1
