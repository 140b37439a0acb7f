"""What a person sees while a run works: one live display on stderr, shared by all bars; a line a minute where stderr is
no terminal.

rich allows one live display at a time, and a stopped one cannot be started again without erasing the lines above it.
Hence what is our own here: a ``Progress`` is made with the first task and dropped with the last.
"""

import contextlib
import contextvars
import datetime
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

T = TypeVar("T")
LINE_S = 60.0  # seconds between the lines of a bar that cannot be drawn


def track(iterable: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """The items of ``iterable``, counted on a bar with rate and time left; give ``total`` where it has no length."""
    with _DISPLAY.task(label) as (progress, task):
        yield from (
            _report_lines(iterable, label, total) if progress is None else progress.track(iterable, total, task_id=task)
        )


def running(label: str) -> contextlib.AbstractContextManager[object]:
    """Show ``label`` with a moving bar and the time elapsed while the block runs; bars may be shown inside it."""
    return _DISPLAY.task(label)


def say(line: str) -> None:
    """Print one line on stderr, above any bar, unless quiet."""
    _DISPLAY.say(line)


def say_once(line: str) -> None:
    """The same, but for a line that was said before: several fits of one process find the same of the files."""
    if line not in _SAID:
        _SAID.add(line)
        say(line)


def warn(line: str) -> None:
    """``say`` it, and have the record of the step that is computed keep it: what is kept says nothing again."""
    warnings = _WARNINGS.get()
    if warnings is not None:
        warnings.append(line)
    say(f"  {line}")


@contextlib.contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """What the block warns of, in the thread that it runs in."""
    warnings: list[str] = []
    token = _WARNINGS.set(warnings)
    try:
        yield warnings
    finally:
        _WARNINGS.reset(token)


def set_quiet(quiet: bool) -> None:
    """Show nothing at all from here on, or show again."""
    _DISPLAY.quiet = quiet


def _report_lines(iterable: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    """The items; every ``LINE_S`` a line with how many are done, how many a second, the time left."""
    total = len(iterable) if total is None and isinstance(iterable, Sized) else total
    began = last_line = time.monotonic()
    for done, item in enumerate(iterable, 1):
        yield item
        if (now := time.monotonic()) - last_line >= LINE_S:
            speed, last_line = done / max(now - began, 1e-9), now
            left = f", {datetime.timedelta(seconds=int((total - done) / speed))} left" if total else ""
            say(f"  {label}: {done:,}{f'/{total:,}' if total else ''}, {speed:,.3g}/s{left}")


class _Counts(ProgressColumn):
    """Items done of all, items a second and time left, as far as they are known; nothing for a task without items."""

    def render(self, task: Task) -> Text:
        done = f"{task.completed:,.0f}/{task.total:,.0f}" if task.total else f"{task.completed:,.0f}"
        parts = [done if task.completed or task.total else ""]
        parts += [f"{task.speed:,.0f}/s"] if task.speed else []
        parts += [f"{datetime.timedelta(seconds=int(task.time_remaining))} left"] if task.time_remaining else []
        return Text("  ".join(parts))


class _Display:
    """The display while there are tasks. Tasks may come and go in any order, from several threads."""

    def __init__(self) -> None:
        self.quiet = False
        self._lock = threading.RLock()
        self._progress: Progress | None = None

    @contextlib.contextmanager
    def task(self, label: str) -> Iterator[tuple[Progress | None, TaskID]]:
        """A task of the display; without one, when nothing is to be shown."""
        with self._lock:
            if self.quiet or not sys.stderr.isatty():
                progress, task = None, TaskID(0)
            else:
                progress = self._progress = self._progress or _start()
                task = progress.add_task(label, total=None)
        try:
            yield progress, task
        finally:
            with self._lock:
                if progress is not None:
                    progress.remove_task(task)
                    if not progress.tasks:
                        progress.stop()
                        self._progress = None

    def say(self, line: str) -> None:
        with self._lock:
            if self._progress is not None:
                self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)
            elif not self.quiet:
                print(line, file=sys.stderr, flush=True)


def _start() -> Progress:
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        _Counts(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # a piped stdout must stay the pipe
    )
    progress.start()
    return progress


_DISPLAY = _Display()
_SAID: set[str] = set()
_WARNINGS: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("warnings", default=None)
