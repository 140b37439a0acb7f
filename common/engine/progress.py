"""What a person sees while a run works: bars on stderr; a line a minute where stderr is no terminal."""

import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
LINE_S = 60.0  # seconds between the lines of a bar that cannot be drawn
TICK_S = 1.0  # between two looks at the clock of a step that counts nothing
quiet = False


def track(iterable: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """The items of ``iterable``, counted on a bar with rate and time left; give ``total`` where it has no length."""
    if not _draws():
        yield from _report_lines(iterable, label, total)
        return
    with tqdm(iterable, label, total, leave=False, file=sys.stderr, dynamic_ncols=True) as bar:
        yield from bar


@contextlib.contextmanager
def running(label: str) -> Iterator[None]:
    """Show ``label`` with the time elapsed while the block runs; bars may be shown inside it."""
    if not _draws():
        yield
        return
    done = threading.Event()
    with tqdm(desc=label, leave=False, file=sys.stderr, bar_format="{desc} {elapsed}") as bar:

        def tick() -> None:
            while not done.wait(TICK_S):
                bar.refresh()

        clock = threading.Thread(target=tick, daemon=True)
        clock.start()
        try:
            yield
        finally:
            done.set()
            clock.join()


def say(line: str) -> None:
    """Print one line on stderr, above any bar, unless quiet."""
    if _draws():
        tqdm.write(line, file=sys.stderr)
    elif not quiet:
        print(line, file=sys.stderr, flush=True)


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


def set_quiet(value: bool) -> None:
    """Show nothing at all from here on, or show again."""
    global quiet
    quiet = value


def _draws() -> bool:
    return not quiet and sys.stderr.isatty()


def _report_lines(iterable: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    """The items; every ``LINE_S`` the bar's line without the bar: how many are done, the time passed and left."""
    total = len(iterable) if total is None and isinstance(iterable, Sized) else total
    began = last_line = time.monotonic()
    for done, item in enumerate(iterable, 1):
        yield item
        if (now := time.monotonic()) - last_line >= LINE_S:
            last_line = now
            say(f"  {tqdm.format_meter(done, total, now - began, ncols=0, prefix=label)}")


_SAID: set[str] = set()
_WARNINGS: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("warnings", default=None)
