"""Tables on stdout: numbers, gaps and text as they are printed."""

from typing import Any

import pytest
from rich.console import Console

from common.engine.console import print_table, wide_console


def printed(capsys: pytest.CaptureFixture[str], title: str, rows: list[dict[str, Any]]) -> list[str]:
    print_table(wide_console(), title, rows)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_value_is_printed_by_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    values = [99.99994, 100.0, 1234567.8, -0.5, -1234.5, 7, 1234, True, None, "text"]
    texts = ["99.9999", "100", "1,234,568", "-0.5000", "-1,234", "7", "1234", "True", "", "text"]
    lines = printed(capsys, "T", [{"name": "x", "value": value} for value in values])[-len(values) :]
    assert [line.strip().removeprefix("x").strip() for line in lines] == texts


def test_a_narrow_console_cuts_no_number_but_goes_on_below(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = {f"figure {number}": 0.12345 for number in range(11)}
    rows: list[dict[str, Any]] = [{"run": f"news/2026-{n}", **numbers, "why": "word " * 12} for n in range(2)]
    print_table(Console(width=80, highlight=False), "Runs", rows)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    assert sum(line.count("0.1235") for line in lines) == 22
    assert not any("…" in line for line in lines)
    assert sum(line.startswith(" run ") for line in lines) == 3  # in three parts, each with the runs' names
    assert sum(line.startswith(" news/2026-1 ") for line in lines) == 3
    assert " ".join(" ".join(lines).split()).count("word") == 24  # text wraps
