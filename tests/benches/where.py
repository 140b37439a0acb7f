"""Where a cold run spends its seconds: ``OMP_NUM_THREADS=2 POLARS_MAX_THREADS=2 python -m tests.benches.where news``.

A thread looks every 20 ms at what the run is in, how many of the process's threads can run, and how much processor
time they took since the last look. That time is charged to the library that the innermost Python frame calls: a fit of
LightGBM or CatBoost, torch, polars, or our own numpy and Python. ``alone``: the seconds with one runnable thread only,
in which a second core stands idle; ``clock``: what the processor time takes on cores that nobody else uses.
Numbers of a machine with other work on it: processor time is true there, seconds on the clock are not.
"""

import argparse
import contextlib
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from common.engine.run import Run
from competitions import NAMES, find_competition
from tests.benches.side_by_side import Row, show

LOOK_S = 0.02
LIBRARIES = ("lightgbm", "catboost", "xgboost", "torch", "polars", "faiss")
OWN, WAITING = "numpy and Python", "waiting"
SHOWN = 12  # steps


class Sampler(threading.Thread):
    """``spent``: by (step, library) seconds of processor time, those of one thread alone, seconds on quiet cores."""

    def __init__(self, run: Run, main: int) -> None:
        """``main``: the thread that runs the steps."""
        super().__init__(daemon=True)
        self.run_, self.main, self.done = run, main, threading.Event()
        self.spent: dict[tuple[int, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])

    def run(self) -> None:
        """Look until it is over."""
        used, clock = time.process_time(), time.perf_counter()
        while not self.done.wait(LOOK_S):
            runnable = max(count_runnable() - 1, 0)  # less this thread
            now, at = time.process_time(), time.perf_counter()
            library = find_library(sys._current_frames().get(self.main)) if runnable else WAITING
            cell = self.spent[len(self.run_.timings), library]
            cell[0] += now - used
            cell[1] += now - used if runnable == 1 else 0.0
            cell[2] += (now - used) / runnable if runnable else at - clock
            used, clock = now, at


def count_runnable() -> int:
    """The threads of this process that run or wait for a core."""
    return sum(thread_state(task) == "R" for task in Path("/proc/self/task").iterdir())


def thread_state(task: Path) -> str:
    """Of a thread by its folder: R where it runs or waits for a core; nothing where it has ended meanwhile."""
    with contextlib.suppress(OSError):
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    return ""


def find_library(frame: FrameType | None) -> str:
    """The library that a stack's innermost frames are of."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if (library := module.partition(".")[0]) in LIBRARIES:
            return str(library)
        if module.startswith(("common.", "competitions.")):
            break
        frame = frame.f_back
    return OWN


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.where", description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--scale", type=float, help="default: that of the simulated default")
    options = parser.parse_args()
    competition = find_competition(options.name)
    config = competition.load_config([], tuned=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw, _ = competition.simulate(folder / "raw", options.scale, 0, folder)
        run = Run(folder / "run", folder / "cache", quiet=True)
        sampler = Sampler(run, threading.get_ident())
        load, begun, used = psutil.getloadavg()[0], time.perf_counter(), time.process_time()
        sampler.start()
        competition.solve(competition.locate(raw, config), config, run)
        seconds, processor = time.perf_counter() - begun, time.process_time() - used
        sampler.done.set()
        sampler.join()
    print(
        f"{options.name}: {seconds:.1f} s on the clock (load {load:.1f} before), {processor:.1f} s of processor time\n"
    )
    show(add_up({(library,): spent for library, spent in pool(sampler, 1).items()}, ("library",)))
    print()
    names = [record.name for record in run.timings] + ["after the last step"]
    steps = {(names[min(step, len(names) - 1)], library): spent for (step, library), spent in sampler.spent.items()}
    show(add_up(steps, ("step", "library"))[: SHOWN + 1])


def pool(sampler: Sampler, key: int) -> dict[Any, list[float]]:
    """``spent`` by one part of its key."""
    pooled: dict[Any, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for keys, spent in sampler.spent.items():
        pooled[keys[key]] = [one + other for one, other in zip(pooled[keys[key]], spent, strict=True)]
    return pooled


def add_up(spent: dict[tuple[str, ...], list[float]], names: tuple[str, ...]) -> list[Row]:
    """Rows of the table, the longest on the clock first, with its share; the sum at the end of the first five lines."""
    total = sum(clock for _, _, clock in spent.values())
    rows = [
        {
            **dict(zip(names, key, strict=True)),
            "processor": processor,
            "alone": alone,
            "clock": clock,
            "share": f"{clock / total:.0%}",
        }
        for key, (processor, alone, clock) in sorted(spent.items(), key=lambda item: -item[1][2])
    ]
    sums = {name: sum(row[name] for row in rows) for name in ("processor", "alone", "clock")}
    return [{**dict.fromkeys(names, "all"), **sums, "share": "100%"}, *rows]


if __name__ == "__main__":
    main()
