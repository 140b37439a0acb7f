"""How a report draws what carries the score."""

from common.day.record_schema import Scored
from common.day.report.formatting import MINUS
from common.day.report.model_sections import curves, features
from common.day.report.score_sections import folds, slices
from tests.unit.common.day.report.report_record import calm, read


def test_curves_of_one_metric_have_one_scale() -> None:
    record = calm()
    record["insight"]["curves"] = [
        {"name": "a", "metric": "likelihood", "values": [-3.0, -2.0, -1.75], "best": 3},
        {"name": "b", "metric": "QuerySoftMax", "values": [-2.5, -1.5], "best": 1},
        {"name": "c", "metric": "ndcg@5", "values": [0.1, 0.2], "best": 2},
    ]
    first, second, third = curves(read(record).insight.curves)
    assert first["plot"].upward == second["plot"].upward != third["plot"].upward
    assert first["caption"] == f"likelihood {MINUS}1.7500 at round 3 of 3, .2500 gained in the second half"


def test_small_slices_are_pale_and_a_single_fold_is_none() -> None:
    queries = {"1": 40, "2": 12, "3": 30, "4": None}
    rows = [{"name": f"day: {day}", "score": 0.1, "error": 0.02, "queries": count} for day, count in queries.items()]
    drawn = slices([Scored(**row) for row in rows], 0.1)
    assert drawn is not None
    assert drawn.labels == [f"day: {day}" for day in queries]
    assert [mark.pale for mark in drawn.columns[0].marks] == [False, True, False, False]
    assert folds([Scored("day 1", 0.1)], 0.1) is None


def test_what_moves_nothing_is_never_sure_and_one_that_moves_all_is_off_the_scale() -> None:
    losses = [("most", 6.4, 0.01), ("sure", 0.03, 0.01), ("unsure", 0.015, 0.01), ("nothing", 0.0, 0.0)]
    record = calm()
    record["insight"]["importance"] = [
        {"feature": name, "gain": 0.1, "permutation": loss, "error": error} for name, loss, error in losses
    ]
    drawn = features(read(record))
    assert drawn is not None
    column = drawn["marks"].columns[1]
    assert [mark.pale for mark in column.marks] == [False, False, True, True]
    assert [mark.beyond for mark in column.marks] == [True, False, False, False]
    scale = column.scale(3)
    assert scale is not None
    assert scale.high < 0.1
