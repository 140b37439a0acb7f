"""What the files decide: the round, whether times say more than the order, how often to ask, what to search by."""

import dataclasses

import numpy as np
import pytest

from competitions.tencent.plan import (
    LONG,
    MANY,
    SHORT,
    count_targetless,
    decide_actions,
    decide_channels,
    decide_earlier,
    decide_kind,
    decide_list_length,
    decide_target,
    steady_share,
)
from competitions.tencent.retrieval.channel import LogSize
from competitions.tencent.retrieval.registry import CHANNELS
from tests.unit.tencent.training_inputs import make_sequences

SMALL = LogSize(100, 10, False)

STEADY = make_sequences([(1, 1, 0), (2, 1, 60), (3, 1, 120)], [(4, 1, 1_000), (5, 1, 1_060)])
VARIED = make_sequences([(1, 1, 0), (2, 1, 60), (3, 1, 90)], [(4, 1, 1_000), (5, 1, 1_060)])


def test_steps_are_those_inside_a_history_alone() -> None:
    assert steady_share(STEADY) == 1.0
    assert steady_share(VARIED) == pytest.approx(2 / 3)
    assert steady_share(make_sequences([(1, 1, 5)], [], [(2, 1, 9)])) == 0.0
    assert steady_share(make_sequences([], [])) == 0.0


def test_times_that_only_count_steps_make_the_last_event_the_question() -> None:
    assert decide_kind(STEADY, "auto")[0] == "last"
    assert decide_kind(VARIED, "auto")[0] == "time"
    assert decide_kind(STEADY, "time") == ("time", "set")


def test_users_without_a_target_are_counted_where_the_last_click_is_asked_for() -> None:
    log = make_sequences([(1, 1, 0), (2, 0, 60)], [(1, 0, 0)], [], [(3, 2, 0)])
    assert count_targetless(log, "last", "click") == "; 2 of 4 users have no click to hold out"
    assert count_targetless(log, "last", "conversion") == "; 3 of 4 users have no conversion to hold out"
    assert count_targetless(log, "time", "click") == count_targetless(STEADY, "last", "click") == ""


def test_round_two_is_seen_by_its_file_or_by_conversions() -> None:
    converted = make_sequences([(1, 2, 0), (2, 0, 60), (3, 1, 90)], [(4, 1, 5)])
    target, why = decide_target(converted, None, "auto")
    assert (target, why) == ("conversion_or_click", "round 2: 25.00% of the events are conversions")
    target, why = decide_target(VARIED, np.array([1, 2], np.int8), "auto")
    assert target == "conversion_or_click"
    assert "user_action_type.json" in why
    assert decide_target(VARIED, None, "auto") == ("click", "round 1: no event is a conversion")
    assert decide_target(make_sequences([]), None, "auto")[0] == "click"
    assert decide_actions(np.array([1, 2], np.int8), "auto")[0] is True
    assert decide_actions(None, "auto") == (False, "there is no user_action_type.json")
    assert decide_actions(None, True) == (True, "set")


def test_a_setting_stays_as_it_is_given() -> None:
    assert decide_target(VARIED, np.array([2], np.int8), "click") == ("click", "set")
    assert decide_earlier("last", 7) == (7, "set")
    assert decide_earlier("time", "auto")[0] == 4
    assert decide_earlier("last", "auto")[0] == 2
    assert decide_channels(SMALL, 1, 4, ("counts",)) == (("counts",), "set")


def test_all_that_the_files_allow_is_weighed() -> None:
    tables = tuple(name for name in CHANNELS if name != "content")
    assert decide_channels(SMALL, 2, 4, "auto")[0] == ("content", *tables)
    assert decide_channels(SMALL, 0, 4, "auto")[0] == tables


def test_a_channel_that_takes_too_long_is_left_out_with_its_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = dataclasses.replace(CHANNELS["values"], seconds=lambda size: size.events / 9)
    monkeypatch.setitem(CHANNELS, "values", slow)
    assert "values" in decide_channels(SMALL, 0, 4, "auto")[0]
    chosen, why = decide_channels(LogSize(1_000, 10, False), 0, 4, "auto")
    assert "values" not in chosen
    assert why.endswith("values would need about 7 minutes")  # 4 x 111 s


def test_many_candidates_make_long_lists() -> None:
    assert decide_list_length(MANY, "auto")[0] == SHORT
    assert decide_list_length(MANY + 1, "auto")[0] == LONG
    assert decide_list_length(MANY + 1, 50) == (50, "set")
