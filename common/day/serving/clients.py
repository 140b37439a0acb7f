"""Clients over loopback: what the service of a run answers a second to 1, 8 and 64 that ask at the same time."""

import contextlib
import itertools
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from common.day.serving.benchmark import ONE_THREAD
from common.day.serving.http import HOST, RECOMMEND
from common.day.serving.service import Export, share_equal
from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.errors import UserError
from common.engine.progress import track

CLIENTS = (1, 8, 64)
SECONDS = 4.0  # of each number of clients
PATIENCE_SECONDS = 60.0  # of a client, for one answer


class Exchange(NamedTuple):
    """One request and what came back: its ``number``, ``seconds``, HTTP ``status`` (0: no answer came), ``content``."""

    number: int
    seconds: float
    status: int
    content: bytes


def measure_http(export: Export, run: Path) -> list[dict[str, Any]]:
    """One row a number of clients: requests a second, latency in ms, errors, and the share of the run's own answers."""
    with start_server(run, next(iter(export.services))) as port:
        ask(port, export.bodies, 1, 1.0)  # to warm up
        asked = [(clients, ask(port, export.bodies, clients, SECONDS)) for clients in track(CLIENTS, "clients")]
    return [summarise(clients, exchanges, export) for clients, exchanges in asked]


@contextlib.contextmanager
def start_server(run: Path, kind: str) -> Iterator[int]:
    """The port of the service of a run, in a process of its own with one thread, which ends with the block."""
    command = [sys.executable, "-m", "common.day.serving.http", str(run.resolve()), kind, "0"]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            command, env=ONE_THREAD, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        first = server.stdout.readline() if server.stdout else ""
        if HOST not in first:
            server.wait()
            log.seek(0)
            raise UserError(f"The service did not start: {log.read().strip().rpartition(chr(10))[2]}")
        try:
            yield int(first.partition(f"{HOST}:")[2].partition(",")[0])
        finally:
            server.send_signal(signal.SIGINT)


def ask(port: int, bodies: Sequence[bytes], clients: int, seconds: float) -> list[Exchange]:
    """What came back while so many clients asked, each its next request once it has the answer to its last."""
    numbers, until = itertools.cycle(range(len(bodies))), time.perf_counter() + seconds

    def run_client(_: int) -> list[Exchange]:
        exchanges: list[Exchange] = []
        with contextlib.closing(HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)) as connection:
            while not exchanges or time.perf_counter() < until:
                begun = time.perf_counter()
                number, status, content = next(numbers), 0, b""
                try:
                    connection.request("POST", RECOMMEND, bodies[number])
                    response = connection.getresponse()
                    status, content = response.status, response.read()
                except (OSError, HTTPException):
                    connection.close()  # the next request opens it again
                exchanges.append(Exchange(number, time.perf_counter() - begun, status, content))
        return exchanges

    with ThreadPoolExecutor(clients) as pool:
        return [exchange for exchanges in pool.map(run_client, range(clients)) for exchange in exchanges]


def summarise(clients: int, exchanges: Sequence[Exchange], export: Export) -> dict[str, Any]:
    """A row of the table."""
    answered = [exchange for exchange in exchanges if exchange.status == 200]
    times = np.array([exchange.seconds for exchange in exchanges])
    answers = [msgspec.json.decode(exchange.content) for exchange in answered]
    return {
        "clients": clients,
        "per_second": float(len(answered) / times.sum()) * clients,
        "p50_ms": float(np.quantile(times, 0.5)) * 1e3,
        "p99_ms": float(np.quantile(times, 0.99)) * 1e3,
        "errors": len(exchanges) - len(answered),
        "same_answers": share_equal(answers, [export.expected[exchange.number] for exchange in answered]),
    }
