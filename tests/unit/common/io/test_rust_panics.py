"""A panic of polars is an error like any other, and its backtrace is nobody's reading."""

import os
import sys

import polars as pl
import pytest

from common.io.rust_panics import contain_panics


def panic() -> None:
    with contain_panics():
        os.write(2, b"thread panicked\nstack backtrace:\n")
        raise pl.exceptions.PanicException("assertion failed\n left: 1")


def fail() -> None:
    with contain_panics():
        os.write(2, b"native")
        raise KeyError


def test_a_panic_is_an_error_of_polars_in_one_line_and_its_backtrace_is_not_shown(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(pl.exceptions.PolarsError, match="polars gave up: assertion failed left: 1") as caught:
        panic()
    assert isinstance(caught.value, Exception)
    assert capfd.readouterr().err == ""
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_what_else_is_printed_is_shown_and_other_errors_pass(capfd: pytest.CaptureFixture[str]) -> None:
    with contain_panics():
        os.write(2, b"native\n")
        print("python", file=sys.stderr, flush=True)
    assert sorted(capfd.readouterr().err.split()) == ["native", "python"]
    with pytest.raises(KeyError):
        fail()
    assert capfd.readouterr().err == "native"


def test_without_a_standard_error_it_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr("os.dup", refuse)
    with pytest.raises(pl.exceptions.ComputeError):
        panic()
