"""Progress: bars on a terminal only, nested without harm, and nothing lost on the way."""

import io
import sys
from collections.abc import Iterator

import pytest

from common.engine import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _loud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    progress.set_quiet(False)
    yield
    progress.set_quiet(False)


def on(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Put the screen in place of stderr; from within the test, since pytest puts its own there after the fixtures."""
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def test_bars_within_a_running_step_share_one_display(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on(Terminal(), monkeypatch)
    with progress.running("a step"):
        pairs = [(a, b) for a in progress.track(range(2), "outer") for b in progress.track("xy", "inner")]
        progress.say("a line [between]")
    assert pairs == [(0, "x"), (0, "y"), (1, "x"), (1, "y")]
    shown = terminal.getvalue()
    for text in ("a step", "outer", "inner", "a line [between]"):
        assert text in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # one display: the cursor hidden and shown once


def test_a_display_ends_with_its_last_task_and_can_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on(Terminal(), monkeypatch)
    for number in progress.track(iter([1, 2, 3]), "left early", total=3):
        if number == 2:
            break
    with pytest.raises(ValueError, match="stop"), progress.running("failing"):
        raise ValueError("stop")
    shown = terminal.getvalue()
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") > 0
    assert list(progress.track([1], "again")) == [1]
    assert "again" in terminal.getvalue()


def test_nothing_is_drawn_when_quiet_or_not_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on(Terminal(), monkeypatch)
    progress.set_quiet(True)
    with progress.running("step"):
        assert list(progress.track(range(3), "bar")) == [0, 1, 2]
        progress.say("line")
    assert terminal.getvalue() == ""
    progress.set_quiet(False)
    plain = on(io.StringIO(), monkeypatch)
    with progress.running("step"):
        assert list(progress.track(range(3), "bar")) == [0, 1, 2]
        progress.say("line")
    assert plain.getvalue() == "line\n"


def test_where_nothing_can_be_drawn_long_work_tells_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 50.0, 100.0, 110.0, 300.0])  # the beginning, and behind each of four items
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    plain = on(io.StringIO(), monkeypatch)
    assert list(progress.track("abcd", "bar")) == [*"abcd"]
    assert plain.getvalue().splitlines() == ["  bar: 2/4, 0.02/s, 0:01:40 left", "  bar: 4/4, 0.0133/s, 0:00:00 left"]
    clock = iter([0.0, 60.0])
    assert list(progress.track(iter("a"), "unknown")) == ["a"]
    assert plain.getvalue().splitlines()[2:] == ["  unknown: 1, 0.0167/s"]
