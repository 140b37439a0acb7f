"""Memory, threads and time: what there is, what a step costs, and one warning where a whole run takes more memory than
there is, before the system may end it without a word.

A run's peak grows with its rows; it was measured at a few sizes, between which it is interpolated.
"""

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from common.engine.progress import say

GIB = 1 << 30
SAMPLE_S = 0.05
# Limits of a container, in bytes, of the second and of the first version of control groups; "max" or huge for none.
CONTROL_GROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
DEPTHS = ("*", "*/*", "*/*/*")  # deeper than the host's files lie: RAW=/ is a mistake that takes no hour


@dataclass(frozen=True)
class MemoryNeed:
    """``peaks``: (scale, GiB) of whole runs under the default settings, ascending; the scale 1 is the host's size, at
    which the raw files take ``raw_gib``.
    """

    peaks: Sequence[tuple[float, float]]
    raw_gib: float

    def at(self, scale: float) -> float:
        """GiB at this scale; beyond the last that was measured it grows as it did before that."""
        scales, peaks = np.array(self.peaks).T
        slope = (peaks[-1] - peaks[-2]) / (scales[-1] - scales[-2])
        return float(np.interp(scale, scales, peaks) + max(scale - scales[-1], 0) * slope)

    def scale_of(self, raw: Path) -> float:
        """The scale of a raw folder, by the size of its files."""
        size = 0
        for path in (path for depth in DEPTHS for path in raw.glob(depth)):
            with contextlib.suppress(OSError):  # it is gone by now, or not to be read
                size += path.stat().st_size if path.is_file() else 0
        return size / GIB / self.raw_gib


def find_free_gib() -> float:
    """The GiB that this process may come to hold: the least of what is free and of a container's limit."""
    own = psutil.Process().memory_info().rss
    return _limit_gib(psutil.virtual_memory().available + psutil.swap_memory().free + own)


def find_total_gib() -> float:
    """The GiB of memory of this machine, or of a container's limit, whatever is free."""
    return _limit_gib(psutil.virtual_memory().total)


def _limit_gib(size: int) -> float:
    limits = [path.read_text().strip() for path in CONTROL_GROUPS if path.is_file()]
    return float(min([size, *(int(text) for text in limits if text.isdigit())])) / GIB


def warn_of_need(need: MemoryNeed, raw: Path | None, scale: float) -> None:
    """Say so where a run on ``raw``, or on simulated data of this ``scale``, takes more than there is."""
    gib, room = need.at(need.scale_of(raw) if raw else scale), find_free_gib()
    if gib > room:
        what = "these files" if raw else f"simulated data of scale {scale:g}"
        say(
            f"WARNING: a run on {what} takes about {gib:.1f} GiB of memory, and there are {room:.1f} GiB: the system"
            f" may end it. Give it more memory or {'fewer rows' if raw else 'a smaller SCALE'}."
        )


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
