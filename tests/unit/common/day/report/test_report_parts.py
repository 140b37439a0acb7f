"""What a report is made of: numbers, scales, rows of marks, plots, and the rules for what is suspicious."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from common.day.report import formatting as numbers
from common.day.report.charts import (
    NORMAL_95,
    Column,
    Dot,
    Line,
    Mark,
    MarkTable,
    Scale,
    make_plot,
    make_scale,
    round_values,
    thin,
)
from common.day.report.checks import check_record, explain_calm
from common.day.report.page import load_templates
from common.day.report.record import fill_record
from common.day.report.tables import TableColumn, make_table

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
        ([1.0, 0.0], ["1.0000", ".0000"]),
        ([3.5, 12.25], ["3.50", "12.25"]),
        ([1234.5, 800.2], ["1,234", "800"]),
        ([2262.0, 0.539, 14.25], ["2,262", ".5390", "14.2"]),
        ([0.5, None, "x", True], [".5000", "", "x", "yes"]),
        ([0.00012, 0.00003], [".000120", "3.00e\N{MINUS SIGN}05"]),
        ([], []),
    ],
)
def test_column_has_decimals_that_suit_it(values: list[Any], shown: list[str]) -> None:
    assert numbers.column(values) == shown


# --- markup ---


def render(macro: str, *args: Any) -> str:
    """What a macro of the templates makes of the data."""
    return str(getattr(load_templates().get_template("macros.html.j2").module, macro)(*args))


def test_text_and_attributes_are_escaped() -> None:
    evil = "<i>\"'&"
    shown = render("marks", MarkTable(evil, [evil], [Column(evil, [Mark(0.5, text=evil)])], details=[evil]))
    assert "<i>" not in shown
    assert 'data-title="&lt;i&gt;&#34;&#39;&amp;"' in shown
    assert shown.count("&lt;i&gt;&#34;&#39;&amp;") == 6  # title, name, detail, column, its title on a phone, number


def test_table_puts_numbers_right_and_tints_what_is_to_be_seen() -> None:
    rows = [{"name": "a", "recall": 0.2}, {"name": "b", "recall": 0.4}, {"name": "c", "recall": 0.1, "n": 3}]
    shown = render("table", make_table(rows))
    assert shown.count('<th scope="col" class="right">') == 2
    assert "--share" not in shown
    drifting = [TableColumn("column", ["a", "b"]), TableColumn("drift", ["", ".50"], tints=[None, 0.5])]
    assert re.findall(r"--share:([.\d]+)", render("table", drifting)) == ["0.500"]
    assert make_table([]) == []


# --- scales ---


def test_round_values_are_few_and_round() -> None:
    assert round_values(0.0, 1.0, 3) == [0.0, 0.5, 1.0]
    assert round_values(0.347, 0.369, 4) == [0.35, 0.355, 0.36, 0.365]
    for low, high in ((0.0, 7e-5), (-3.0, 1e6), (0.1, 0.1001)):
        ticks = round_values(low, high, 4)
        assert 1 <= len(ticks) <= 4
        assert all(low <= tick <= high for tick in ticks)

    assert Scale(0, 1, (0.0, 0.25, 0.5)).labels == ["0", ".25", ".50"]
    assert Scale(-20, 1000, (-20.0, 0.0, 1000.0)).labels == ["\N{MINUS SIGN}20", "0", "1,000"]


def test_a_scale_of_bars_begins_at_zero_and_one_value_has_room() -> None:
    assert make_scale([2.0, 4.0], zero=True).low == 0
    assert make_scale([-4.0, -2.0], zero=True).high == 0
    # Room of .18 at either end: 1.18 / 3.36.
    assert make_scale([-1.0, 2.0], zero=True).position(0.0) == pytest.approx(35.12)
    single = make_scale([0.4])
    assert single.low < 0.4 < single.high
    assert make_scale([]).position(0.5) == pytest.approx(50, abs=1)


def test_marks_lie_where_their_values_are() -> None:
    error = 0.5 / NORMAL_95  # half of the interval reaches to .5
    column = Column("score", [Mark(0.0), Mark(1.0, error), Mark(None)], reference=0.5)
    shown = render("marks", MarkTable("", ["low", "high", "none"], [column]))
    dots = [float(left) for left in re.findall(r'class="dot" style="left:([\d.]+)%', shown)]
    ((start, width),) = re.findall(r'class="whisker" style="left:([\d.]+)%;width:([\d.]+)%', shown)
    assert len(dots) == 2
    assert float(start) + float(width) / 2 == pytest.approx(dots[1], abs=0.02)
    assert float(start) == pytest.approx((dots[0] + dots[1]) / 2, abs=0.02)
    assert shown.count('class="reference"') == 3
    # A negative bar ends at zero.
    shown = render("marks", MarkTable("", ["a", "b"], [Column("lost", [Mark(-1.0), Mark(3.0)], "bar")]))
    (left, width), (zero, _) = re.findall(r'class="bar" style="left:([\d.]+)%;width:([\d.]+)%', shown)
    assert float(left) + float(width) == pytest.approx(float(zero), abs=0.02)


# --- plots ---


def test_a_plot_draws_up_what_is_higher_and_names_its_dots() -> None:
    shown = render("plot", make_plot([Line([(0, 1), (1, 2)])], [Dot(0, 1, "low <"), Dot(1, 2, "high")]), "x", "y", "z")
    (left, lower), (right, upper) = re.findall(r'd="M([\d.]+) ([\d.]+)h0"', shown)
    assert float(left) < float(right)
    assert float(lower) > float(upper)
    assert "<title>low &lt;</title>" in shown


def test_long_curves_are_thinned_but_keep_their_best_and_last_round() -> None:
    values = [float(number) for number in range(1, 5001)]
    points = thin(values, 3333)
    assert len(points) < 300
    assert (3333.0, 3333.0) in points
    assert points[0] == (1.0, 1.0)
    assert points[-1] == (5000.0, 5000.0)
    assert thin([0.5, 0.7], 9) == [(1.0, 0.5), (2.0, 0.7)]


# --- checks ---


def calm() -> dict[str, Any]:
    """Nothing in it is suspicious."""
    folds = [{"fold": f"day {day}", "score": 0.3, "error": 0.014} for day in (1, 2)]
    insight: dict[str, Any] = {"importance": [], "calibration": [], "curves": [], "drift": None}
    return {"name": "news", "cv": {"score": 0.3, "error": 0.01, "folds": folds}, "code": {}, "insight": insight}


def says(record: dict[str, Any]) -> str:
    return " ".join(note.text for note in check_record(fill_record(record)))


@pytest.mark.parametrize(("truth", "error", "expected"), [(0.27, 0.01, True), (0.28, 0.01, False), (0.27, 0.02, False)])
def test_truth_is_far_beyond_two_errors_of_the_difference(truth: float, error: float, expected: bool) -> None:
    record = calm() | {"truth": {"score": truth, "error": error, "oracle": 0.4}}
    assert ("above the simulated truth" in says(record)) is expected
    assert says(calm()) == ""
    # So is the leaderboard's, whose error is not known.
    assert "below the leaderboard (.4000)" in says(calm() | {"leaderboard": [{"score": 0.4, "when": "now"}]})
    assert says(calm() | {"leaderboard": [{"score": 0.31, "when": "now"}]}) == ""


def test_uneven_folds_are_noted_and_a_hold_out_is_no_alarm() -> None:
    record = calm()
    record["cv"]["folds"][1] |= {"score": 0.35}  # (.05 / .014)^2 / 2 = 6.4 on one degree: p = .012
    assert says(record) == ""
    record["cv"]["folds"][1] |= {"score": 0.36}
    assert "the lowest is day 1 with .3000" in says(record)
    del record["cv"]["folds"][1]
    assert says(record) == ""


def test_features_that_carry_too_much_or_do_harm_are_noted() -> None:
    record = calm()
    row = {"feature": "x", "gain": 0.41, "permutation": -0.004, "error": 0.001}
    record["insight"]["importance"] = [row]
    assert "x alone has 41.0 % of the gain" in says(record)
    assert "The score rises when x is shuffled" in says(record)
    record["insight"]["features"] = {"lost": "log likelihood", "given": ["x"]}  # of an earlier stage: meant to carry it
    assert "of the gain" not in says(record)
    assert "The log likelihood rises when x is shuffled" in says(record)
    record["insight"]["importance"] = [row | {"gain": 0.39, "permutation": -0.002}]
    assert says(record) == ""


def test_drift_that_any_two_days_have_is_no_alarm() -> None:
    record = calm()
    rows = [{"feature": "day", "auc": 0.99, "reference": 0.99}, {"feature": "age", "auc": 0.8, "reference": 0.6}]
    record["insight"]["drift"] = {"auc": 0.99, "rows": 9, "features": rows, "reference": 0.97}
    assert says(record) == ""
    assert explain_calm(record["insight"]["drift"]) == (
        "Train and test rows can be told apart (AUC .990), but so can two periods of the labelled rows (.970): some"
        " features describe a period itself, so this says nothing of the test."
    )
    record["insight"]["drift"] |= {"reference": 0.9, "queries": 50}
    assert (explain_calm(record["insight"]["drift"]) or "").endswith(
        "(AUC .990), but of 50 queries that may be chance."
    )
    del record["insight"]["drift"]["queries"]
    assert "AUC .990, most by age" in says(record)  # what two days do not have led to it


def test_a_blend_below_its_best_member_is_noted() -> None:
    record = calm()
    scores = {"lightgbm": 0.32, "logit": 0.29, "blend": 0.295, "blend, reranked": 0.308}
    record["ranking"] = [{"model": model, "score": score, "error": 0.01} for model, score in scores.items()]
    text = says(record)
    assert "The blend, reranked (.3080) is below its best member, lightgbm (.3200), by .0120" in text
    record["ranking"][3]["score"] = 0.311  # within the error
    assert says(record) == ""


def test_what_happens_in_every_run_is_no_alarm() -> None:
    record = calm()
    record["notes"] = [{"where": "a.csv", "what": "w", "rows": 1203, "done": "d"}]
    record["code"]["changed"] = True
    assert says(record) == ""


def test_drift_is_noted() -> None:
    record = calm()
    record["insight"]["drift"] = {"auc": 0.71, "rows": 9, "features": [{"feature": "age", "auc": 0.7}]}
    assert "AUC .710, most by age" in says(record)
    record["insight"]["drift"]["queries"] = 299
    assert says(record) == ""  # of few queries that is chance
    record["insight"]["drift"] |= {"queries": 300, "auc": 0.69}
    assert "told apart" not in says(record)
    assert explain_calm(record["insight"]["drift"]) is None
