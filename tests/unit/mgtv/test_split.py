"""Which days are split off, which devices have slates, and their outcome."""

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.mgtv.config import SplitSettings
from competitions.mgtv.pipeline import cut_days, deal_days
from competitions.mgtv.split import DayPlan, build_slates, draw_slates, look_up_outcome, plan_days
from tests.results import as_result
from tests.unit.mgtv.mgtv_world import SPLIT, make_day, make_log, row

SHOWN = pl.DataFrame({"device": [1, 1, 1, 2, 2], "video": [0, 1, 2, 0, 1]})


def answered(*days: int) -> pl.DataFrame:
    return make_log(*(row(day, 1, 0, 0.5) for day in days))


def plan(log: pl.DataFrame, valid_days: int = 2, train_days: int = 3) -> DayPlan:
    settings = SplitSettings(valid_days=valid_days, folds=1, train_days=train_days, train_queries=9, valid_queries=9)
    return plan_days(log, SHOWN, settings)


# --- days ---


def test_the_last_days_validate_and_those_before_them_train() -> None:
    planned = plan(answered(*range(1, 11)))
    assert (planned.train, planned.valid, planned.test) == ((6, 7, 8), (9, 10), 11)
    assert planned.days == (6, 7, 8, 9, 10)
    labelled = {day: as_result(make_day([2], [0], day=day)) for day in planned.days}
    fitted, judged = ([each.value.day for each in days] for days in cut_days(labelled, planned.valid))
    assert (fitted, judged) == ([6, 7, 8], [9, 10])


def test_of_several_folds_each_labelled_day_is_scored_by_fits_on_the_others() -> None:
    planned = plan(answered(*range(1, 11)))
    assert deal_days(planned, 1) == {9: 0, 10: 0}
    assert deal_days(planned, 2) == {6: 0, 7: 1, 8: 0, 9: 1, 10: 0}
    labelled = {day: as_result(make_day([2], [0], day=day)) for day in planned.days}
    fitted, judged = ([each.value.day for each in days] for days in cut_days(labelled, [7, 9]))
    assert (fitted, judged) == ([6, 8, 10], [7, 9])


def test_days_without_an_answer_among_the_shown_are_left_out() -> None:
    """Nothing clicked, a click never shown, and a click that is not the answer."""
    log = pl.concat(
        [
            answered(1, 2, 4, 6, 9),
            make_log(
                row(3, 1, 0),
                row(5, 1, 0, 0.5, shown=False),
                row(7, 1, 0, 0.5, answer=False),
                row(10, 1, 0),
            ),
        ]
    )
    planned = plan(log, valid_days=1)
    assert (planned.train, planned.valid, planned.test) == ((2, 4, 6), (9,), 11)


@pytest.mark.parametrize(("days", "valid_days"), [(3, 2), (2, 1), (1, 1), (0, 1)])
def test_too_few_days_are_refused_with_the_number_that_is_needed(days: int, valid_days: int) -> None:
    with pytest.raises(UserError) as refused:
        plan(answered(*range(1, days + 1)), valid_days)
    sentence = str(refused.value)
    assert f"has {days} day(s) with clicks; {valid_days + 2} are needed" in sentence
    assert "add days, or lower split.valid_days" in sentence
    assert plan(answered(*range(1, valid_days + 3)), valid_days).train == (2,)


def test_the_least_list_is_the_tests_shortest() -> None:
    assert plan(answered(1, 2, 3, 4)).least == 2
    nobody = SHOWN.clear()
    assert plan_days(answered(1, 2, 3, 4), nobody, SPLIT).least == 1


# --- slates ---

PLAN = DayPlan((5, 6), (7,), 8, 2)


def find_devices(log: pl.DataFrame, day: int = 7, seed: int = 0, train: int = 100, valid: int = 100) -> list[int]:
    settings = SplitSettings(valid_days=1, folds=1, train_days=2, train_queries=train, valid_queries=valid)
    return draw_slates(log, PLAN, day, settings, seed).queries["device"].to_list()


def test_a_device_has_a_slate_whose_answer_was_shown_and_has_a_known_rate() -> None:
    others = [row(7, device, 9, position=5) for device in range(6)]
    log = make_log(
        *others,
        row(7, 5, 0, 0.5),
        row(7, 0, 0, 0.01),
        row(7, 1, 0, 0.0),  # played for no time
        row(7, 2, 0, clicked=True),  # of unknown length
        row(7, 3, 0, 0.5, answer=False),
        row(7, 4, 0, 0.5, shown=False, position=None),
        row(6, 1, 0, 0.5),  # on another day
        row(6, 1, 9),
    )
    assert find_devices(log) == [0, 5]
    assert find_devices(log, 6) == [1]


def test_lists_shorter_than_the_tests_are_left_out() -> None:
    log = make_log(row(7, 0, 0, 0.5), row(7, 1, 0, 0.5), row(7, 1, 1, position=1))
    unseen = make_log(row(7, 2, 0, 0.5), row(7, 2, 1, 0.5, shown=False, position=None, answer=False))
    assert find_devices(pl.concat([log, unseen])) == [1]


def test_rows_are_what_was_shown_in_its_order_and_nothing_that_came_of_it() -> None:
    log = make_log(
        row(7, 4, 9, position=0),
        row(7, 4, 2, 0.5, position=1),
        row(7, 4, 5, position=2),
        row(7, 4, 7, 0.5, shown=False, position=None, answer=False),
        row(7, 1, 3, 0.5, position=1),
        row(7, 1, 8, position=0),
        row(6, 1, 6, position=0),
    )
    slates = draw_slates(log, PLAN, 7, SPLIT, 0)
    assert slates.day == 7
    assert slates.queries.rows() == [(0, 1), (1, 4)]
    assert slates.rows.columns == ["query", "device", "video", "position"]
    assert slates.rows.rows() == [(0, 1, 8, 0), (0, 1, 3, 1), (1, 4, 9, 0), (1, 4, 2, 1), (1, 4, 5, 2)]
    assert slates.group_sizes.to_list() == [2, 3]


CROWD = make_log(
    *(row(day, device, 0, 0.5) for day in (5, 6, 7) for device in range(40)),
    *(row(day, device, 1, position=1) for day in (5, 6, 7) for device in range(40)),
)


def test_more_devices_than_the_settings_allow_are_thinned_by_their_day() -> None:
    chosen = {day: find_devices(CROWD, day, train=9, valid=5) for day in (5, 6, 7)}
    assert [len(set(devices)) for devices in chosen.values()] == [9, 9, 5]
    assert all(devices == sorted(devices) for devices in chosen.values())
    assert chosen[5] != chosen[6]
    assert find_devices(CROWD, 7, train=1, valid=40) == list(range(40))


def test_shares_are_of_all_lists_that_could_be_drawn() -> None:
    """Device 40 has no answer and device 41 too short a list: neither could be asked."""
    odd = make_log(row(7, 40, 2), row(7, 40, 3, position=1), row(7, 41, 4, 0.5))
    settings = SplitSettings(valid_days=1, folds=1, train_days=2, train_queries=9, valid_queries=5)
    slates = draw_slates(pl.concat([CROWD, odd]), PLAN, 7, settings, 0)
    assert (slates.queries.height, slates.shares.rows()) == (5, [(0, 0.5), (1, 0.5)])


def test_the_slates_of_the_test_keep_the_files_order_and_devices_that_were_shown_nothing() -> None:
    shown = pl.DataFrame({"device": [1, 4, 4, 6], "video": [5, 7, 2, 3], "position": [0, 1, 0, 0]})
    slates = build_slates(8, pl.DataFrame({"device": [6, 9, 4]}), shown)
    assert slates.queries.rows() == [(0, 6), (1, 9), (2, 4)]
    assert slates.rows.rows() == [(0, 6, 3, 0), (2, 4, 2, 0), (2, 4, 7, 1)]
    assert slates.group_sizes.to_list() == [1, 2]
    assert slates.group_sizes.dtype == pl.Int32


# --- outcome ---


def test_the_outcome_follows_the_rows() -> None:
    log = make_log(
        row(7, 4, 9, position=0),
        row(7, 4, 2, 0.5, position=1),
        row(7, 4, 5, 0.25, position=2, answer=False),
        row(7, 1, 9, 0.75),
        row(6, 4, 9, 0.125),
    )
    slates = build_slates(
        7, pl.DataFrame({"device": [4, 1]}, schema={"device": pl.Int32}), log.filter(pl.col("day") == 7)
    )
    assert look_up_outcome(log, slates).rows() == [
        (False, False, None),
        (True, True, 0.5),
        (True, False, 0.25),
        (True, True, 0.75),
    ]
