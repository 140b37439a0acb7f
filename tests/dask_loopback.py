"""A Dask cluster on this machine, of processes that only its tests know."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import distributed

ROOT = Path(__file__).resolve().parents[1]
START_S = 60.0
QUIET = ["--dashboard-address", "127.0.0.1:0", "--no-dashboard"]


@dataclass(frozen=True)
class Loopback:
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@contextlib.contextmanager
def start_cluster(folder: Path, workers: int, *, cwd: Path = ROOT) -> Iterator[Loopback]:
    """A scheduler and single-threaded workers, named 0, 1, ..., started in ``cwd``; stopped at the end."""
    file = folder / "scheduler.json"
    with contextlib.ExitStack() as stack:
        scheduler = _start(stack, ["scheduler", "--host", "127.0.0.1", "--port", "0", *QUIET], file, ROOT, folder)
        told = ["worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
        told += ["--no-nanny"]
        started = [_start(stack, [*told, "--name", str(name)], file, cwd, folder) for name in range(workers)]
        address = _read_address(file, scheduler)
        if workers:
            with distributed.Client(address, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=START_S)
        yield Loopback(address, scheduler, started)


def _start(
    stack: contextlib.ExitStack, words: Sequence[str], file: Path, cwd: Path, folder: Path
) -> subprocess.Popen[bytes]:
    log = stack.enter_context((folder / "log.txt").open("ab"))
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *words, "--scheduler-file", str(file)],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    """With all that it started; nothing here is worth a farewell."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read_address(file: Path, scheduler: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until and scheduler.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.05)
    raise RuntimeError(f"the scheduler did not start: {(file.parent / 'log.txt').read_text()[-2000:]}")
