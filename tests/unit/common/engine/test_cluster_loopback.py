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

from common.engine import cluster as clusters
from common.engine.cluster import connect
from common.engine.errors import UserError
from common.engine.run import Run, collect
from tests.dask_loopback import ROOT, Loopback, start_cluster

LIMIT_S = 240
RUN = f"from {__name__} import main; main()"  # as __main__ no worker would find its functions

# --- a run of four steps: two of them need nothing of each other, and take their time when they are computed first ---


def begin(number: int) -> int:
    return number + 1


def take_long(notes: str, seconds: str, number: int, base: int) -> int:
    note = Path(notes) / f"long{number}"
    first = not note.exists()
    note.write_text(str(os.getpid()))
    if first:
        time.sleep(float(seconds))
    return number + base


def add(values: list[int]) -> int:
    return sum(values)


def main() -> None:
    """The run of these words: the build folder, that of the notes, the seconds, and an address or nothing."""
    build, notes, seconds, *address = sys.argv[1:]
    clusters.CONNECT_S = 2.0 if seconds == "0" else clusters.CONNECT_S
    run = Run(Path(build) / "run", Path(build) / "cache")
    try:
        with connect(address[0] if address else None, run.cache) as run.cluster:
            first = run.step(begin, 1)
            print("first:", first.value)
            both = [run.step(take_long, notes, seconds, number, first, name=f"long{number}") for number in range(2)]
            print("sum:", run.step(add, collect(both)).value)
    except UserError as error:
        sys.exit(f"error: {error}")
    print("computed:", *sorted(record.name for record in run.timings if not record.kept))


# --- tests ---


def start(folder: Path, seconds: int, address: str, cwd: Path = ROOT) -> "subprocess.Popen[str]":
    """The run in a process of its own."""
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
