"""What it costs to serve one request: latency, rate, memory, the size on disk.

A service is loaded from an export folder by a process of its own with one thread, which answers requests one at a time
and then in batches. Nothing here knows a competition.
"""

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.errors import UserError
from common.engine.progress import track

WARM_REQUESTS = 20
BATCH = 64
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS")
Mark = Callable[[str], None]
Answer = list[float]  # whole numbers that name items, best first, and where there is one a rate


class Service(Protocol):
    """Something that answers requests."""

    def answer(self, requests: Sequence[Any], mark: Mark) -> list[Answer]:
        """One answer a request, in order. ``mark`` is called with the name of each stage as it ends."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of a service. Times in milliseconds, memory in MiB, rates in requests a second on one core.

    ``cpu_ms``: processor time of a request, which other work on the machine moves less. ``stages``: the mean time of
    each part of a request. ``libraries_mib``: resident once the code is imported, ``resident_mib``: after all requests.
    ``load_seconds``: from the folder to the first request.
    """

    requests: int
    p50_ms: float
    p99_ms: float
    mean_ms: float
    cpu_ms: float
    per_second: float
    batch: int
    batched_per_second: float
    stages: dict[str, float]
    answers: list[Answer]
    libraries_mib: float = 0.0
    resident_mib: float = 0.0
    load_seconds: float = 0.0


@dataclass(frozen=True)
class Variant:
    """One way to serve a run: its name in the table, the ``key`` that ``load`` takes, its score on validation."""

    name: str
    key: str
    score: float = math.nan
    error: float = math.nan


@dataclass(frozen=True)
class Export:
    """A run as a stored value: ``module`` loads ``folder`` and reads ``requests``; ``expected``: the run's own answers.

    ``variants``: the whole first. ``notes``: what a request is, what was computed at export and what is computed in the
    request, in words.
    """

    module: str
    folder: Path
    requests: Path
    variants: Sequence[Variant]
    expected: Sequence[Answer]
    notes: dict[str, str]


def ignore(_: str) -> None:
    """A mark that counts nothing."""


def measure(service: Service, requests: Sequence[Any], batch: int = BATCH) -> Figures:
    """Answer all requests one at a time, after some to warm up, then all of them again in batches.

    ``libraries_mib``, ``resident_mib`` and ``load_seconds`` are left at 0: only the process knows them.
    """
    if not requests:
        raise UserError("There is no request to measure with.")
    for request in requests[:WARM_REQUESTS]:
        service.answer([request], ignore)
    times, answers, last = np.empty(len(requests)), [], 0.0
    stages: dict[str, float] = {}

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
        mean_ms=float(times.mean()) * 1e3,
        cpu_ms=worked / len(requests) * 1e3,
        per_second=float(1 / times.mean()),
        batch=batch,
        batched_per_second=len(requests) / batched,
        stages={name: total / len(requests) * 1e3 for name, total in stages.items()},
        answers=answers,
    )


def answer_all(service: Service, requests: Sequence[Any], batch: int = BATCH) -> list[Answer]:
    """The answers to all requests, ``batch`` at a time."""
    starts = range(0, len(requests), batch)
    return [answer for start in starts for answer in service.answer(requests[start : start + batch], ignore)]


def measure_apart(export: Export, variant: Variant) -> Figures:
    """``measure`` in a process of its own that loads nothing but the service, with one thread."""
    words = [export.module, str(export.folder.resolve()), variant.key, str(export.requests.resolve())]
    ended = subprocess.run(
        [sys.executable, "-m", "common.day.serving.worker", *words],
        env=os.environ | dict.fromkeys(THREADS, "1"),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        last = (ended.stderr.strip() or f"exit code {ended.returncode}").splitlines()[-1]
        raise UserError(f"The serving process of {variant.name!r} failed: {last.removeprefix('error: ')}")
    return msgspec.json.decode(ended.stdout.splitlines()[-1], type=Figures)


def measure_export(export: Export) -> list[dict[str, Any]]:
    """One row per variant: score, the figures, the size of the export, the share of the run's own answers."""
    rows = []
    for variant in track(export.variants, "serving"):
        figures = msgspec.to_builtins(measure_apart(export, variant))
        same = share_equal(figures.pop("answers"), export.expected)
        row = {"variant": variant.name, "score": variant.score, "error": variant.error, **figures}
        rows.append(row | {"export_mib": size_of(export.folder), "same_answers": same})
    return rows


def size_of(folder: Path) -> float:
    """MiB of the files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def share_equal(answers: Sequence[Answer], expected: Sequence[Answer]) -> float:
    """The share of answers that are those expected; numbers may differ by rounding."""
    same = [
        len(one) == len(other) and bool(np.allclose(one, other, rtol=1e-9, atol=1e-12))
        for one, other in zip(answers, expected, strict=True)
    ]
    return float(np.mean(same))


def spread(count: int, most: int) -> NDArray[np.int64]:
    """At most ``most`` of 0..count-1, evenly spread, ascending."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))
