"""What a person sees while a run works: bars on stderr; a line a minute where stderr is no terminal."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
LINE_S = 60.0  # seconds between the lines of a bar that cannot be drawn
TICK_S = 1.0  # between two looks at the clock of a step that counts nothing
warned: list[str] = []  # by the steps that this process has computed


def track(iterable: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """The items of ``iterable``, counted on a bar with rate and time left; give ``total`` where it has no length.

    Where no bar can be drawn, every ``LINE_S`` its line without the bar: how many are done, the time passed and left.
    """
    began = last_line = time.monotonic()
    with tqdm(iterable, label, total, leave=False, file=sys.stderr, dynamic_ncols=True, disable=None) as bar:
        for done, item in enumerate(bar, 1):
            yield item
            if bar.disable and (now := time.monotonic()) - last_line >= LINE_S:
                last_line = now
                say(f"  {tqdm.format_meter(done, bar.total, now - began, ncols=0, prefix=label)}")


@contextlib.contextmanager
def running(label: str) -> Iterator[None]:
    """Show ``label`` with the time elapsed while the block runs; bars may be shown inside it."""
    done = threading.Event()
    with tqdm(desc=label, leave=False, file=sys.stderr, bar_format="{desc} {elapsed}", disable=None) as bar:

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
    """Print one line on stderr, above any bar."""
    tqdm.write(line, file=sys.stderr)


def say_once(line: str) -> None:
    """The same, but for a line that was said before: several fits of one process find the same of the files."""
    if line not in _SAID:
        _SAID.add(line)
        say(line)


def warn(line: str) -> None:
    """``say`` it, and have the record of the step that is computed keep it: what is kept says nothing again."""
    warned.append(line)
    say(f"  {line}")


_SAID: set[str] = set()
