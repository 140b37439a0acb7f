"""Progress: bars on a terminal only, nested without harm, and nothing lost on the way."""

import io
import sys
import time

import pytest

from common.engine import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Put the screen in place of stderr; from within the test, since pytest puts its own there after the fixtures."""
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def test_bars_within_a_running_step_and_lines_above_them(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on(Terminal(), monkeypatch)
    with progress.running("a step"):
        pairs = [(a, b) for a in progress.track(range(2), "outer") for b in progress.track("xy", "inner")]
        progress.say("a line [between]")
    assert pairs == [(0, "x"), (0, "y"), (1, "x"), (1, "y")]
    shown = terminal.getvalue()
    for text in ("a step", "outer", "inner", "0/2", "a line [between]\n"):
        assert text in shown
    assert not shown.splitlines()[-1].strip("\r \x1b[A")  # nothing is left of the bars


def test_a_step_that_counts_nothing_shows_that_time_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on(Terminal(), monkeypatch)
    monkeypatch.setattr(progress, "TICK_S", 0.001)
    with progress.running("fit"):
        while terminal.getvalue().count("fit 00:00") < 3:
            time.sleep(0.001)


def test_where_nothing_can_be_drawn_long_work_tells_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 50.0, 100.0, 110.0, 300.0])  # the beginning, and behind each of four items
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    plain = on(io.StringIO(), monkeypatch)
    with progress.running("step"):
        assert list(progress.track("abcd", "bar")) == [*"abcd"]
    clock = iter([0.0, 60.0])
    assert list(progress.track(iter("a"), "unknown")) == ["a"]
    progress.say("line")
    assert plain.getvalue().splitlines() == [
        "  bar:  50% 2/4 [01:40<01:40, 50.00s/it]",
        "  bar: 100% 4/4 [05:00<00:00, 75.00s/it]",
        "  unknown: 1it [01:00, 60.00s/it]",
        "line",
    ]
