"""What is drawn of a table: recall by the length of the list, shares side by side, figures of many days."""

import pytest

from common.day.report.charts import NORMAL_95, Plot
from common.day.report.pictures import draw_slices, draw_table


def heights(plot: Plot) -> list[list[float]]:
    return [[y for _, y in line.points] for line in plot.lines]


def test_recall_is_a_curve_a_channel_of_which_the_best_are_named() -> None:
    channels = {"low": 0.1, "best": 0.4, "second": 0.3, "third": 0.2, "union": 0.5}
    rows = [
        {"channel": name, "mrr@5": 0.9, **{f"recall@{k}": recall + k / 1000 for k in (5, 10, 50)}, "only": 0.0}
        for name, recall in channels.items()
    ]
    (picture,) = draw_table(rows)
    assert [side["side"] for side in picture["legend"]] == ["union", "best", "second", "the others"]
    assert [line.style for line in picture["plot"].lines] == ["line", "other", "third", "thin", "thin"]
    assert heights(picture["plot"])[0] == pytest.approx([0.505, 0.51, 0.55])
    assert picture["plot"].across.labels == ["5", "10", "50"]
    (alone,) = draw_table([{"within 10": 0.2, "within 50": 0.4, "within 100": 0.6, "in the list": 0.8}])
    assert heights(alone["plot"]) == [[0.2, 0.4, 0.6]]
    assert draw_table([{"model": "a", "recall@5": 0.1, "recall@10": 0.2}]) == draw_table([]) == []


def test_shares_are_steps_a_side() -> None:
    shares = (("hour", "0-5", 0.2, 0.4), ("hour", "6-23", 0.8, 0.6), ("trip", "return", 1.0, 1.0))
    rows = [{"what": what, "value": value, "validation": own, "test": test} for what, value, own, test in shares]
    hour, trip = draw_table(rows)
    assert (hour["title"], trip["title"]) == ("hour", "trip")
    assert heights(hour["plot"]) == [[0.2, 0.2, 0.8, 0.8], [0.4, 0.4, 0.6, 0.6]]
    assert [x for x, _ in hour["plot"].lines[0].points] == [-0.5, 0.5, 0.5, 1.5]
    assert hour["plot"].upward.low == 0


def test_days_are_a_line_with_the_test_beside_it() -> None:
    days = {f"day {number}": float(number) for number in range(20, 27)}
    devices, empty = {"what": "devices", **days, "test": 21.5}, {"what": "empty"} | dict.fromkeys([*days, "test"])
    (picture,) = draw_table([devices, empty])
    assert heights(picture["plot"]) == [[*days.values()], [21.5, 21.5]]
    assert picture["plot"].across.labels == ["20", "22", "24", "26"]
    assert draw_table([{"what": "devices", "day 1": 1.0, "day 2": 2.0}]) == []  # two days are read as they stand


def test_a_slice_by_day_has_the_band_of_its_interval() -> None:
    rows = [{"value": "10-01", "score": 0.2, "error": 0.01}, {"value": "10-02", "score": 0.0, "error": 0.0}]
    rows.append({"value": "10-03", "score": 0.4, "error": 0.02})
    band, line, whole = draw_slices(rows, 0.3)["plot"].lines
    assert [y for _, y in band.points] == pytest.approx(
        [0.2 + 0.01 * NORMAL_95, 0.4 + 0.02 * NORMAL_95, 0.4 - 0.02 * NORMAL_95, 0.2 - 0.01 * NORMAL_95]
    )
    assert [y for _, y in line.points] == [0.2, 0.4]  # a day of one query is no point
    assert [y for _, y in whole.points] == [0.3, 0.3]
