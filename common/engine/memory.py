"""How much memory a run will take, and how much there is: one warning before the system may end the run without a word.

A run's peak grows with its rows; it was measured at a few sizes, between which it is interpolated.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from common.engine.progress import say

GIB = 1 << 30
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
