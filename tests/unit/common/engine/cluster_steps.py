"""A run of four steps, on the cluster at an address or alone. Two of them need nothing of each other; each notes its
process, and takes its time when it is computed first.
"""

import os
import sys
import time
from pathlib import Path

from common.engine import cluster
from common.engine.cluster import connect
from common.engine.errors import UserError
from common.engine.run import Run, collect


def begin(number: int) -> int:
    return number + 1


def take_long(notes: str, seconds: str, number: int, base: int) -> int:
    note = Path(notes) / f"long{number}"
    first = not note.exists()
    note.write_text(str(os.getpid()))
    if first:
        time.sleep(float(seconds))
    return number + base


def add(values: list[int]) -> int:
    return sum(values)


def main() -> None:
    """The words are the build folder, that of the notes, the seconds, and an address or nothing."""
    build, notes, seconds, *address = sys.argv[1:]
    cluster.CONNECT_S = 2.0 if seconds == "0" else cluster.CONNECT_S
    run = Run(Path(build) / "run", Path(build) / "cache")
    try:
        with connect(address[0] if address else None, run.cache) as run.cluster:
            first = run.step(begin, 1)
            print("first:", first.value)
            both = [run.step(take_long, notes, seconds, number, first, name=f"long{number}") for number in range(2)]
            print("sum:", run.step(add, collect(both)).value)
    except UserError as error:
        sys.exit(f"error: {error}")
    print("computed:", *sorted(record.name for record in run.timings if not record.kept))
