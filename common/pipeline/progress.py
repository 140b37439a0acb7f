"""What a person sees while a run works: one live display on stderr, shared by all bars; none when it is no terminal."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

T = TypeVar("T")
REFRESH_S = 0.1


def track(iterable: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """The items of ``iterable``, counted on a bar with rate and time left; give ``total`` where it has no length."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with _DISPLAY.task(label, total) as advance:
        waiting, shown = 0, time.monotonic()
        for item in iterable:
            yield item
            waiting += 1
            if time.monotonic() - shown > REFRESH_S:  # drawing costs more than counting
                advance(waiting)
                waiting, shown = 0, time.monotonic()
        advance(waiting)


def running(label: str) -> contextlib.AbstractContextManager[object]:
    """Show ``label`` with a spinner and the time elapsed while the block runs; bars may be shown inside it."""
    return _DISPLAY.task(label, None)


def say(line: str) -> None:
    """Print one line on stderr, above any bar, unless quiet."""
    _DISPLAY.say(line)


def set_quiet(quiet: bool) -> None:
    """Show nothing at all from here on, or show again."""
    _DISPLAY.quiet = quiet


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


class _Counted(ProgressColumn):
    """A column that only means something for a task whose end is known."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self.column = column

    def render(self, task: Task) -> Text | str:
        return "" if task.total is None else self.column.render(task)  # type: ignore[return-value]


class _Display:
    """Starts rich's display with the first task and stops it with the last, since rich allows one at a time."""

    def __init__(self) -> None:
        self.quiet = False
        self._lock = threading.RLock()
        self._progress: Progress | None = None
        self._depth = 0

    @contextlib.contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Callable[[int], None]]:
        progress = self._enter()
        if progress is None:
            yield lambda count: None
            return
        task = progress.add_task(label, total=total)
        try:
            yield lambda count: progress.advance(task, count)
        finally:
            progress.remove_task(task)
            self._leave()

    def say(self, line: str) -> None:
        if self.quiet:
            return
        with self._lock:
            if self._progress is None:
                print(line, file=sys.stderr, flush=True)
            else:
                self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _enter(self) -> Progress | None:
        with self._lock:
            if self.quiet or not sys.stderr.isatty():
                return None
            if self._progress is None:
                self._progress = _new_progress()
                self._progress.start()
            self._depth += 1
            return self._progress

    def _leave(self) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._progress is not None:
                self._progress.stop()
                self._progress = None


def _new_progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        _Counted(BarColumn(bar_width=30)),
        _Counted(MofNCompleteColumn()),
        _Rate(),
        TimeElapsedColumn(),
        _Counted(TimeRemainingColumn()),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # a piped stdout must stay the pipe
    )


_DISPLAY = _Display()
