"""How much memory a run will take, and how much there is: one sentence before it beats being killed in the midst of it.

The system ends a process that takes too much without a word, after minutes of work. A run's peak grows with its rows;
it was measured at a few sizes, between which it is interpolated.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from common.engine.errors import UserError

GIB = 1 << 30
# Limits of a container, in bytes, of the second and of the first version of control groups; "max" or huge for none.
CONTROL_GROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


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
        for depth in ("*", "*/*", "*/*/*"):  # deeper than the host's files lie: RAW=/ is a mistake that takes no hour
            for path in raw.glob(depth) if raw.is_dir() else ():
                with contextlib.suppress(OSError):
                    size += path.stat().st_size if path.is_file() else 0
        return size / GIB / self.raw_gib

    def fits(self, gib: float) -> float:
        """The largest scale, to a thousandth, that takes no more; 0 where none does."""
        scales = np.arange(1, 1001) / 1000
        below = scales[np.array([self.at(scale) for scale in scales]) <= gib]
        return float(below.max(initial=0.0))


def find_room() -> tuple[float, str]:
    """The GiB that this process may come to hold, and what sets that limit: the least of all limits."""
    return min(_list_room())


def _list_room() -> Iterator[tuple[float, str]]:
    own = psutil.Process().memory_info().rss
    yield (psutil.virtual_memory().available + psutil.swap_memory().free + own) / GIB, "the free memory"
    for path in CONTROL_GROUPS:
        text = path.read_text().strip() if path.is_file() else "max"
        if text.isdigit():
            yield int(text) / GIB, "the container's limit"


def refuse_too_large(need: MemoryNeed, raw: Path | None, scale: float) -> None:
    """``UserError`` where a run on ``raw``, or on simulated data of this ``scale``, takes more than there is."""
    gib, (room, limit) = need.at(need.scale_of(raw) if raw else scale), find_room()
    if gib <= room:
        return
    fits = need.fits(room)
    smaller = f"SCALE={fits:g} fits" if fits else "no scale fits"
    less = "fewer rows" if raw else f"less of the data ({smaller})"
    what = "these files" if raw else f"simulated data of scale {scale:g}"
    raise UserError(
        f"A run on {what} takes about {gib:.1f} GiB of memory, and {limit} is {room:.1f} GiB: give it more memory or"
        f' {less}, or start anyway with --any-memory (make: ARGS="--any-memory").'
    )
