"""How a report draws what carries the score."""

from common.day.record_schema import Scored
from common.day.report.formatting import MINUS
from common.day.report.model_sections import curves, features
from common.day.report.page import build_page
from common.day.report.score_sections import draw_parts
from common.learning.diagnostics import Curve, Importance
from tests.unit.common.day.records import make_record


def test_curves_of_one_metric_have_one_scale() -> None:
    metrics = {"likelihood": [-3.0, -2.0, -1.75], "QuerySoftMax": [-2.5, -1.5], "ndcg@5": [0.1, 0.2]}
    fits = [Curve("m", metric, values, len(values)) for metric, values in metrics.items()]
    first, second, third = curves(fits)
    assert first["plot"].upward == second["plot"].upward != third["plot"].upward
    assert first["caption"] == f"likelihood {MINUS}1.7500 at round 3 of 3, .2500 gained in the second half"


def test_small_slices_are_pale_and_a_single_fold_is_none() -> None:
    drawn = draw_parts("slice", [Scored(f"day: {count}", 0.1, 0.02, count) for count in (40, 12, 30, None)], 0.1)
    assert drawn.labels == ["day: 40", "day: 12", "day: 30", "day: None"]
    assert [mark.pale for mark in drawn.columns[0].marks] == [False, True, False, False]
    assert 'id="folds"' not in build_page(make_record(cv={"folds": [Scored("day 1", 0.1)]}))


def test_what_moves_nothing_is_never_sure_and_one_that_moves_all_is_off_the_scale() -> None:
    losses = [("most", 6.4, 0.01), ("sure", 0.03, 0.01), ("unsure", 0.015, 0.01), ("nothing", 0.0, 0.0)]
    drawn = features(make_record(insight={"importance": [Importance(name, 0.1, *loss) for name, *loss in losses]}))
    assert drawn is not None
    column = drawn["marks"].columns[1]
    assert [mark.pale for mark in column.marks] == [False, False, True, True]
    assert [mark.beyond for mark in column.marks] == [True, False, False, False]
    scale = column.scale(3)
    assert scale is not None
    assert scale.high < 0.1
