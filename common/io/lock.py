"""Which runs live. Each locks a file in its folder; the kernel takes the lock back when the process ends, a killed one
too, so that no run is taken for dead because it is slow. On a disk without locks age says it, as of drafts.
"""

import contextlib
import fcntl
import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from common.engine.progress import say
from common.io.files import writing

RUNNING, KEPT = ".running", ".kept"  # the end of a lock's name: what a folder holds may be kept by then
DRAFT = ".draft"
ABANDONED_S = 86_400  # longer than any step or file takes


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Lock ``folder``, made where there is none, to the end of the block. ``UserError`` where it cannot be written."""
    lock = folder / f"{uuid4().hex}{RUNNING}"
    draft = lock.with_suffix(".draft")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        stream = draft.open("w")
    with stream:
        with contextlib.suppress(OSError):  # a disk without locks
            fcntl.flock(stream, fcntl.LOCK_EX)
        draft.rename(lock)  # locked before it has its name: nobody finds it without
        try:
            yield
        finally:
            for name in (RUNNING, KEPT):
                lock.with_suffix(name).unlink(missing_ok=True)


@contextlib.contextmanager
def take_turns(lock: Path, waiting: str) -> Iterator[None]:
    """One process at a time is in the block of a ``lock`` file, which stays; the others say ``waiting``, and wait. On a
    disk without locks nobody waits. ``UserError`` where it cannot be written.
    """
    with writing(lock.parent):
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        stream = lock.open("w")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError:
            pass
        yield


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
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError:  # a disk without locks
                return is_abandoned(lock)
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


def name_draft(name: str) -> str:
    """The name of a file or folder that is being written, and which is not whole: ``clear_drafts`` knows it."""
    return f".{name}-{uuid4().hex}{DRAFT}"


def clear_drafts(folder: Path) -> None:
    """Remove the drafts in a folder (not in those below it) that killed processes have left there."""
    for path in folder.glob(f".*-*{DRAFT}"):
        with contextlib.suppress(OSError):  # another process may be removing it too
            if is_abandoned(path):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_abandoned(path: Path) -> bool:
    """Whether it is older than anything that somebody still writes."""
    return path.stat().st_mtime < time.time() - ABANDONED_S
