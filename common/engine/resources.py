"""Memory, threads and time: what there is, and what a step costs."""

import contextlib
import os
import threading
import time
from pathlib import Path

import polars as pl
import psutil

GIB = 1 << 30
SAMPLE_S = 0.05
# Limits of a container, in bytes, of the second and of the first version of control groups; "max" or huge for none.
CONTROL_GROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def find_total_gib() -> float:
    """The GiB of memory of this machine, or of a container's limit, whatever is free."""
    limits = [path.read_text().strip() for path in CONTROL_GROUPS if path.is_file()]
    size = psutil.virtual_memory().total
    return float(min([size, *(int(text) for text in limits if text.isdigit())])) / GIB


def count_threads() -> dict[str, int]:
    """The threads that libraries take: ``openmp`` (LightGBM, XGBoost, PyTorch, BLAS) as OMP_NUM_THREADS says, else one
    a core that this process may use; ``polars``.
    """
    cores = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1
    with contextlib.suppress(KeyError, ValueError):
        given = int(os.environ["OMP_NUM_THREADS"].partition(",")[0])
        cores = given if given > 0 else cores  # OpenMP passes over any other as well
    return {"openmp": cores, "polars": pl.thread_pool_size()}


class Meter:
    """Wall seconds of a block, and the resident memory of the process in MiB: at its start, and the highest."""

    def __init__(self) -> None:
        """Nothing is measured before the block begins."""
        self._process = psutil.Process()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.base_mib = self.peak_mib = 0.0
        self.seconds = 0.0

    def __enter__(self) -> "Meter":
        """Begin: samples are taken by a thread."""
        self._look()
        self.base_mib, self._start = self.peak_mib, time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, with a last look."""
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._thread.join()
        self._look()

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        self.peak_mib = max(self.peak_mib, self._process.memory_info().rss / 2**20)
