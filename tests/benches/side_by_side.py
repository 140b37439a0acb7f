"""Run several ways of doing one thing, each in a process of its own, and print seconds and peak memory side by side.

A bench is a module with ``WAYS``: name -> function of (folder of prepared inputs) that returns how to run: a callable
of no argument, which alone is timed, and whose result (a frame, a number) goes to ``describe`` for a check or a rate.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from common.day.stamp import make_stamp

Ready = Callable[[], Any]
Way = Callable[[Path], Ready]
Row = dict[str, Any]
MIB = 2**20


def main(
    module: str,
    about: str,
    ways: Mapping[str, Way],
    prepare: Callable[[Path, float], str],
    describe: Callable[[Any, float], Row],
    scale: float = 1.0,
    compare: Callable[[list[Row]], None] | None = None,
) -> None:
    """The command line of a bench: ``--scale``; ``--way`` and ``--folder`` are for the processes that it starts.

    ``compare`` adds columns to the measured rows; without it, ``compare_last``.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--scale", type=float, default=scale, help="size; 1.0 is the host's")
    parser.add_argument("--way", choices=list(ways), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(ways[options.way], options.folder, describe)))
        return
    with tempfile.TemporaryDirectory() as name:
        stamp = make_stamp()
        print(f"\n{about}\n{prepare(Path(name), options.scale)}\n{stamp.machine}, load {stamp.load} before\n")
        rows = [{"way": way, **start(module, way, Path(name))} for way in ways]
        (compare or compare_last)(rows)
        show(rows)


def measure(way: Way, folder: Path, describe: Callable[[Any, float], Row]) -> Row:
    """Time one way in this process. ``processor``: seconds of all its threads, which other programs do not stretch.

    ``above``: the peak over what the process held when its inputs were loaded.
    """
    ready = way(folder)
    held = psutil.Process().memory_info().rss / MIB
    begun, used = time.perf_counter(), time.process_time()
    result = ready()
    seconds, processor = time.perf_counter() - begun, time.process_time() - used
    peak = peak_mib()
    memory = {"peak MiB": peak, "above MiB": max(peak - held, 0.0)}
    return {"seconds": seconds, "processor": processor, **memory, **describe(result, seconds)}


def peak_mib() -> float:
    """The most memory this process ever held. Linux: its own mark, since getrusage's begins with the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def start(module: str, way: str, folder: Path) -> Row:
    """Run one way in a fresh process."""
    command = [sys.executable, "-m", module, "--way", way, "--folder", str(folder)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    measured: Row = json.loads(ended.stdout.splitlines()[-1])
    return measured


def compare_last(rows: list[Row]) -> None:
    """Add ``times``: seconds over those of the last way, each by its ``units`` of work."""
    costs = [row["seconds"] / row.pop("units", 1) for row in rows]
    for row, cost in zip(rows, costs, strict=True):
        row["times"] = cost / costs[-1]


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    names = list(rows[0])
    table = [names, *([_text(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(names))]
    for line in table:
        print(
            "  ".join(
                f"{cell:<{width}}" if not column else f"{cell:>{width}}"
                for column, (cell, width) in _pair(line, widths)
            )
        )


def _pair(line: list[str], widths: list[int]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(zip(line, widths, strict=True)))


def _text(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) < 1 else f"{value:,.2f}"
