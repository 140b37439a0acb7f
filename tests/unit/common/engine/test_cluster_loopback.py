"""Two worker processes of a Dask cluster here: what they compute side by side, and each way in which it may break."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dask_loopback import ROOT, Loopback, start_cluster

LIMIT_S = 240
RUN = (
    "from tests.unit.common.engine.cluster_steps import main; main()"  # as __main__ no worker would find its functions
)


def start(folder: Path, seconds: int, address: str, cwd: Path = ROOT) -> "subprocess.Popen[str]":
    """The run of ``cluster_steps`` in a process of its own."""
    words = [str(folder / "build"), str(folder), str(seconds), *([address] if address else [])]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: "subprocess.Popen[str]") -> tuple[int, list[str], list[str]]:
    """The exit code and the lines of stdout and stderr; none of a traceback."""
    out, err = process.communicate(timeout=LIMIT_S)
    assert "Traceback" not in err, err
    return process.returncode, out.splitlines(), err.splitlines()


def refused(process: "subprocess.Popen[str]") -> str:
    """The sentence that a run ends with."""
    code, out, err = end(process)
    assert code == 1, (out, err)
    return err[-1]


def wait_for_long(folder: Path, process: "subprocess.Popen[str]") -> list[int]:
    """The processes that compute the two long steps of a run, once both do."""
    while process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            return [int((folder / f"long{number}").read_text()) for number in range(2)]
        time.sleep(0.05)
    raise AssertionError(process.communicate())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Loopback]:
    with start_cluster(tmp_path, 2) as started:
        yield started


def test_a_worker_is_killed_in_a_step_and_the_other_goes_on(cluster: Loopback, tmp_path: Path) -> None:
    """What need nothing of each other ran side by side, in two processes that are not this run's."""
    process = start(tmp_path, 15, cluster.address)
    pids = wait_for_long(tmp_path, process)
    assert len({*pids, process.pid}) == 3
    os.kill(pids[0], signal.SIGKILL)
    code, out, err = end(process)
    assert (code, out) == (0, ["first: 2", "sum: 5", "computed: add begin long0 long1"]), err
    assert len([line for line in err if line.endswith((" on 0", " on 1"))]) == 4
    assert end(start(tmp_path, 15, ""))[1] == ["first: 2", "sum: 5", "computed:"]


def test_the_scheduler_is_killed_and_a_run_alone_goes_on(cluster: Loopback, tmp_path: Path) -> None:
    process = start(tmp_path, 60, cluster.address)
    wait_for_long(tmp_path, process)
    cluster.scheduler.kill()
    assert refused(process).startswith("error: The Dask scheduler was lost: start it and its workers again. Finished")
    assert end(start(tmp_path, 60, ""))[1] == ["first: 2", "sum: 5", "computed: add long0 long1"]


def test_a_step_that_ends_its_workers_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    with start_cluster(tmp_path, 2) as started:
        process = start(tmp_path, 60, started.address)
        os.kill(wait_for_long(tmp_path, process)[1], signal.SIGKILL)
        assert "Every worker that began long1 was lost" in refused(process)


def test_nobody_there_no_workers_and_a_worker_outside_the_project(tmp_path: Path) -> None:
    assert "No Dask scheduler answers at 'tcp://127.0.0.1:1' within 2 s: see competitions" in refused(
        start(tmp_path, 0, "tcp://127.0.0.1:1")
    )
    with start_cluster(tmp_path, 0) as started:
        assert "The Dask scheduler has had no workers for 2 s" in refused(start(tmp_path, 0, started.address))
    (tmp_path / "outside").mkdir()
    with start_cluster(tmp_path / "outside", 1, cwd=tmp_path / "outside") as started:
        assert "A Dask worker cannot run this project (" in refused(start(tmp_path, 0, started.address))
