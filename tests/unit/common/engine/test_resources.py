"""What a run will take of memory, what there is, and the warning where the one is more; threads of libraries."""

from pathlib import Path
from typing import NoReturn

import pytest

from common.engine import resources
from common.engine.errors import UserError
from common.engine.resources import GIB, MemoryNeed, count_threads, find_free_gib, find_total_gib, warn_of_need
from competitions.cli import execution
from tests.conftest import Call

NEED = MemoryNeed(((0.0, 0.5), (0.1, 1.5), (1.0, 6.0)), raw_gib=2 / 1024)  # 2 MiB of raw files at the host's size


def test_between_the_sizes_that_were_measured_memory_grows_evenly() -> None:
    for scale, gib in ((0, 0.5), (0.05, 1.0), (0.1, 1.5), (0.55, 3.75), (1, 6.0), (2, 11.0)):
        assert NEED.at(scale) == pytest.approx(gib)


def test_the_least_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    version_1, version_2 = tmp_path / "limit_in_bytes", tmp_path / "max"
    monkeypatch.setattr(resources, "CONTROL_GROUPS", (version_1, version_2))
    for limits in ({}, {version_1: "9223372036854771712", version_2: "max"}):
        for path, text in limits.items():
            path.write_text(f"{text}\n")
        assert 0.1 < find_free_gib() < 1e6
        assert 0.1 < find_total_gib() < 1e6
    version_2.write_text(f"{GIB // 64}\n")
    assert find_free_gib() == find_total_gib() == 1 / 64


def test_one_warning_where_there_is_too_little(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(resources, "find_free_gib", lambda: 2.0)
    warn_of_need(NEED, None, 0.1)
    warn_of_need(NEED, tmp_path, 5.0)  # a folder counts, and not the scale
    assert capsys.readouterr().err == ""
    (tmp_path / "a.csv").write_bytes(bytes(2 << 20))
    warn_of_need(NEED, tmp_path, 0.1)
    warn_of_need(NEED, None, 1.0)
    files, simulated = capsys.readouterr().err.splitlines()
    assert files.startswith("WARNING: a run on these files takes about 6.0 GiB of memory, and there are 2.0 GiB")
    assert "simulated data of scale 1 takes about 6.0 GiB" in simulated


@pytest.mark.parametrize(("law", "what"), [((), "these files"), (("--law", "round2"), "simulated data of scale")])
def test_a_law_asks_for_simulated_files_whatever_the_host_has(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, law: tuple[str, ...], what: str
) -> None:
    def stop(options: object) -> NoReturn:
        raise UserError("stop")

    monkeypatch.setattr(execution, "load_inputs", stop)
    monkeypatch.setattr(resources, "find_free_gib", lambda: 0.001)
    raw = tmp_path / "data" / "tencent" / "raw"
    raw.mkdir(parents=True)
    (raw / "seq.jsonl").write_text("{}")
    assert f"WARNING: a run on {what}" in call("run", "tencent", *law)[2]


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
