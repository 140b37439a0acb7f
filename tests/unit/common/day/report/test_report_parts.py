"""What a report is made of: numbers, scales, rows of marks, plots."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from common.day.record_schema import NORMAL_95
from common.day.report import formatting as numbers
from common.day.report.charts import (
    Dot,
    Line,
    Mark,
    Marks,
    MarkTable,
    Scale,
    make_plot,
    make_scale,
    round_values,
)
from common.day.report.page import load_templates

# --- numbers ---


def test_numbers_are_written_as_they_are_read() -> None:
    written: dict[Callable[..., str], dict[Any, str]] = {
        numbers.score: {0.1133: ".1133", -0.0312: "\N{MINUS SIGN}.0312", 1.0: "1.0000", 0.0: ".0000", -1e-5: ".0000"}
        | {12.5: "12.5000", None: "", math.nan: ""},
        numbers.duration: {12.34: "12.3 s", 119.0: "119 s", 171.0: "2 min 51 s", 7384.0: "2 h 3 min"},
        numbers.mebibytes: {812.4: "812 MiB", 1843.2: "1.8 GiB"},
        numbers.significant: {0.001324: ".00132", 1_923_881.0: "1,923,881"},
        numbers.share: {0.7164: "71.6 %"},
    }
    for write, texts in written.items():
        assert {value: write(value) for value in texts} == texts
    assert numbers.with_error(0.1133, 0.0042) == ".1133 ± .0042"
    assert (numbers.with_error(0.1133, None), numbers.with_error(None, 0.1)) == (".1133", "")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([4108, 12], ["4,108", "12"]),
        ([0.5, 0.25], [".5000", ".2500"]),
        ([1.0, 0.0, -0.5], ["1.0000", ".0000", "\N{MINUS SIGN}.5000"]),
        ([3.5, 12.25, 1234.5], ["3.50", "12.2", "1,234"]),
        ([2262.0, 0.539, 14.25], ["2,262", ".5390", "14.2"]),
        ([0.5, None, "x", True], [".5000", "", "x", "yes"]),
        ([0.00012, 0.00003], [".000120", "3.00e\N{MINUS SIGN}05"]),
    ],
)
def test_a_number_of_a_table_has_decimals_that_suit_it(values: list[Any], shown: list[str]) -> None:
    assert [numbers.alone(value) for value in values] == shown


# --- markup ---


def render(macro: str, *args: Any) -> str:
    """What a macro of the templates makes of the data."""
    return str(getattr(load_templates().get_template("macros.html.j2").module, macro)(*args))


# --- scales ---


def test_a_scale_has_few_round_values_and_room() -> None:
    for low, high in ((0.347, 0.369), (0.0, 7e-5), (-3.0, 1e6), (0.1, 0.1001)):
        ticks = round_values(low, high, 4)
        assert 1 <= len(ticks) <= 4
        assert all(low <= tick <= high for tick in ticks)
    assert Scale(-20, 1000, (-20.0, 0.0, 1000.0)).labels == ["\N{MINUS SIGN}20", "0", "1,000"]
    # Room of .18 at either end: 1.18 / 3.36; bars begin at zero.
    assert make_scale([-1.0, 2.0], zero=True).position(0.0) == pytest.approx(35.12)
    assert (make_scale([2.0, 4.0], zero=True).low, make_scale([-4.0, -2.0], zero=True).high) == (0, 0)
    single = make_scale([0.4])
    assert single.low < 0.4 < single.high


def test_marks_lie_where_their_values_are() -> None:
    error = 0.5 / NORMAL_95  # half of the interval reaches to .5
    column = Marks("score", [Mark(0.0), Mark(1.0, error), Mark(None)], reference=0.5)
    shown = render("marks", MarkTable("", ["low", "high", "none"], [column]))
    dots = [float(left) for left in re.findall(r'class="dot" style="left:([\d.]+)%', shown)]
    ((start, width),) = re.findall(r'class="whisker" style="left:([\d.]+)%;width:([\d.]+)%', shown)
    assert len(dots) == 2
    assert float(start) + float(width) / 2 == pytest.approx(dots[1], abs=0.02)
    assert float(start) == pytest.approx((dots[0] + dots[1]) / 2, abs=0.02)
    assert shown.count('class="reference"') == 3
    # A negative bar ends at zero.
    shown = render("marks", MarkTable("", ["a", "b"], [Marks("lost", [Mark(-1.0), Mark(3.0)], "bar")]))
    (left, width), (zero, _) = re.findall(r'class="bar" style="left:([\d.]+)%;width:([\d.]+)%', shown)
    assert float(left) + float(width) == pytest.approx(float(zero), abs=0.02)


# --- plots ---


def test_a_plot_draws_up_what_is_higher_and_names_its_dots() -> None:
    shown = render("plot", make_plot([Line([(0, 1), (1, 2)])], [Dot(0, 1, "low <"), Dot(1, 2, "high")]), "x", "y", "z")
    (left, lower), (right, upper) = re.findall(r'd="M([\d.]+) ([\d.]+)h0"', shown)
    assert float(left) < float(right)
    assert float(lower) > float(upper)
    assert "<title>low &lt;</title>" in shown
