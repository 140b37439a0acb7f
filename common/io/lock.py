"""Which runs live. Each locks a file in its folder; the kernel takes the lock back when the process ends, a killed one
too, so that no run is taken for dead because it is slow.
"""

import contextlib
import fcntl
import math
import os
from collections.abc import Iterator
from pathlib import Path

from common.io.files import writing

RUNNING, KEPT = ".running", ".kept"  # of the lock's name, behind the process: what a folder holds may be kept by then


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Lock ``folder``, made where there is none, to the end of the block. ``UserError`` where it cannot be written."""
    lock = folder / f"{os.getpid()}{RUNNING}"
    draft = lock.with_suffix(".draft")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        stream = draft.open("w")
    with stream:
        with contextlib.suppress(OSError):  # a disk without locks: there no run is taken for dead
            fcntl.flock(stream, fcntl.LOCK_EX)
        draft.rename(lock)  # locked before it has its name: nobody finds it without
        try:
            yield
        finally:
            for name in (RUNNING, KEPT):
                lock.with_suffix(name).unlink(missing_ok=True)


def keep(folder: Path) -> None:
    """From here on nobody removes the folder, whatever becomes of the process. A name needs no space on the disk."""
    for lock in folder.glob(f"*{RUNNING}"):
        lock.rename(lock.with_suffix(KEPT))


def is_kept(folder: Path) -> bool:
    """Whether ``keep`` was called of a folder that is held, or was when its process died."""
    return any(folder.glob(f"*{KEPT}"))


def is_dead(lock: Path) -> bool:
    """Whether the process that locked this file is gone, and the file is still there."""
    try:
        with lock.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return lock.exists()
    except OSError:
        return False


def find_oldest_start(build: Path) -> float:
    """When the oldest of the processes began that hold a folder in ``build``; infinity where there is none."""
    starts = [math.inf]
    for lock in (*build.glob(f"*/*{RUNNING}"), *build.glob(f"*/*{KEPT}")):
        with contextlib.suppress(FileNotFoundError):  # it has ended
            starts += [] if is_dead(lock) else [lock.stat().st_mtime]
    return min(starts)
