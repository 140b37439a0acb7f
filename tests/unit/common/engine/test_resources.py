"""The memory that there is; threads of libraries."""

from pathlib import Path

import pytest

from common.engine import resources
from common.engine.resources import GIB, count_threads, find_total_gib


def test_the_least_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    version_1, version_2 = tmp_path / "limit_in_bytes", tmp_path / "max"
    monkeypatch.setattr(resources, "CONTROL_GROUPS", (version_1, version_2))
    for limits in ({}, {version_1: "9223372036854771712", version_2: "max"}):
        for path, text in limits.items():
            path.write_text(f"{text}\n")
        assert 0.1 < find_total_gib() < 1e6
    version_2.write_text(f"{GIB // 64}\n")
    assert find_total_gib() == 1 / 64


def test_threads_are_those_of_the_environment_or_one_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("3", "3,2"):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert count_threads()["openmp"] == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    cores = count_threads()["openmp"]
    for value in ("many", "0", "-1"):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert count_threads()["openmp"] == cores >= 1
    assert count_threads()["polars"] >= 1
