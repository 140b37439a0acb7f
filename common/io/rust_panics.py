"""A panic of polars, as an error like any other.

polars is written in Rust. Where a damaged file meets an assertion of its, it prints a backtrace on the process's
standard error and raises ``PanicException``, which is no ``Exception``: no handler of errors sees it.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

import polars as pl

STDERR = 2


@contextlib.contextmanager
def contain_panics() -> Iterator[None]:
    """Within the block, a panic is a ``polars.exceptions.ComputeError`` and its backtrace is not shown.

    What else native code prints there is shown after the block; what Python prints, at once.
    """
    with _hold_native_stderr() as held:
        try:
            yield
        except pl.exceptions.PanicException as panic:
            held.clear()
            raise pl.exceptions.ComputeError(" ".join(f"polars gave up: {panic}".split())[:200]) from panic


@contextlib.contextmanager
def _hold_native_stderr() -> Iterator[list[bool]]:
    """Send what is written to the file of standard error into another one; show it at the end unless cleared."""
    show = [True]
    try:
        shown = os.dup(STDERR)
    except OSError:  # there is none
        yield show
        return
    with tempfile.TemporaryFile() as held, os.fdopen(shown, "w", buffering=1) as terminal, _python_writes_to(terminal):
        os.dup2(held.fileno(), STDERR)
        try:
            yield show
        finally:
            os.dup2(shown, STDERR)
            held.seek(0)
            text = held.read() if show else b""
            if text:
                os.write(STDERR, text)


@contextlib.contextmanager
def _python_writes_to(terminal: object) -> Iterator[None]:
    """Let Python's standard error be ``terminal`` where it is the process's; a test may have put another there."""
    stream = sys.stderr
    try:
        is_native = stream.fileno() == STDERR
    except (AttributeError, OSError, ValueError):
        is_native = False
    if not is_native:
        yield
        return
    with contextlib.redirect_stderr(terminal):  # type: ignore[type-var]
        yield
