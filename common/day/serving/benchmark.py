"""What it costs to answer one request: latency, rate, memory, the size on disk.

``python -m common.day.serving.benchmark RUN KIND`` is the process that measures: it has one thread, loads the service
of that kind from the folder of a run, answers the requests beside it one at a time, then in batches, and prints its
figures. Nothing here knows a competition.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil

from common.day.serving.service import Answer, Export, Service, ignore, share_equal, share_items
from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.errors import UserError
from common.engine.progress import track
from common.engine.result_store import read_value, write_value

WARM_REQUESTS = 20
BATCH = 64
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS")
ONE_THREAD = os.environ | dict.fromkeys(THREADS, "1")
EXPORT, REQUESTS = "export", "requests"  # below the folder of a run


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of a service. Times in milliseconds, memory in MiB, rates in requests a second on one core.

    ``cpu_ms``: processor time of a request, which other work on the machine moves less. ``stages``: the mean time of
    each part of a request, of reading its JSON too, which no other figure counts. ``resident_mib``: after all requests.
    ``load_seconds``: from the folder to the first request, with the libraries.
    """

    requests: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    per_second: float
    batched_per_second: float
    stages: dict[str, float]
    answers: list[Answer]
    resident_mib: float = 0.0
    load_seconds: float = 0.0


def measure(service: Service, bodies: Sequence[bytes], batch: int = BATCH) -> Figures:
    """Answer all requests one at a time, after some to warm up, then all of them again in batches.

    ``resident_mib`` and ``load_seconds`` are left at 0: only the process knows them.
    """
    if not bodies:
        raise UserError("There is no request to measure.")
    begun = time.perf_counter()
    requests = [service.parse(body) for body in bodies]
    stages = {"JSON": time.perf_counter() - begun}
    for request in requests[:WARM_REQUESTS]:
        service.answer([request], ignore)
    times, answers, last = np.empty(len(requests)), [], 0.0

    def mark(stage: str) -> None:
        nonlocal last
        ended = time.perf_counter()
        stages[stage] = stages.get(stage, 0.0) + ended - last
        last = ended

    worked = time.process_time()
    for index, request in enumerate(requests):
        last = begun = time.perf_counter()
        answers += service.answer([request], mark)
        times[index] = time.perf_counter() - begun
    worked = time.process_time() - worked
    begun = time.perf_counter()
    answer_all(service, requests, batch)
    batched = time.perf_counter() - begun
    return Figures(
        requests=len(requests),
        p50_ms=float(np.quantile(times, 0.5)) * 1e3,
        p99_ms=float(np.quantile(times, 0.99)) * 1e3,
        cpu_ms=worked / len(requests) * 1e3,
        per_second=float(1 / times.mean()),
        batched_per_second=len(requests) / batched,
        stages={name: total / len(requests) * 1e3 for name, total in stages.items()},
        answers=answers,
    )


def answer_all(service: Service, requests: Sequence[Any], batch: int = BATCH) -> list[Answer]:
    """The answers to all requests, ``batch`` at a time."""
    starts = range(0, len(requests), batch)
    return [answer for start in starts for answer in service.answer(requests[start : start + batch], ignore)]


def write_export(export: Export, run: Path) -> None:
    """Keep services and requests below the folder of a run, in place of what an earlier export left there."""
    for kind, service in export.services.items():
        write_value(run / EXPORT / kind, service)
    write_value(run / REQUESTS, list(export.bodies))


def measure_export(export: Export, run: Path) -> list[dict[str, Any]]:
    """One row a service of ``write_export``: its figures, the size of its folder, how its answers are like the run's,
    as a whole and item by item.
    """
    rows = []
    for kind in track(export.services, "serving"):
        figures = msgspec.to_builtins(measure_apart(run, kind))
        answers = figures.pop("answers")
        same = {
            "same_answers": share_equal(answers, export.expected),
            "same_items": share_items(answers, export.expected),
        }
        rows.append({"stored": kind, **figures, "export_mib": size_of(run / EXPORT / kind), **same})
    return rows


def measure_apart(run: Path, kind: str) -> Figures:
    """``measure`` in a process of its own that loads nothing but the service, with one thread."""
    command = [sys.executable, "-m", "common.day.serving.benchmark", str(run.resolve()), kind]
    ended = subprocess.run(command, env=ONE_THREAD, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        last = (ended.stderr.strip() or f"exit code {ended.returncode}").splitlines()[-1]
        raise UserError(f"The serving process failed: {last.removeprefix('error: ')}")
    return msgspec.json.decode(ended.stdout.splitlines()[-1], type=Figures)


def size_of(folder: Path) -> float:
    """MiB of the files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def main(run: Path, kind: str) -> None:
    """Load, answer, and print what it took."""
    begun = time.perf_counter()
    service: Service = read_value(run / EXPORT / kind)
    loaded = time.perf_counter() - begun
    figures = measure(service, read_value(run / REQUESTS))
    resident = psutil.Process().memory_info().rss / 2**20  # pages of mapped files that were touched among it
    print(msgspec.json.encode(msgspec.structs.replace(figures, resident_mib=resident, load_seconds=loaded)).decode())


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except UserError as error:
        sys.exit(f"error: {error}")
