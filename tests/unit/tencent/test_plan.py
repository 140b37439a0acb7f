"""What the files decide: the round, whether times say more than the order, how to ask earlier, what to search by."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from common.time_units import DAY_S, HOUR_S
from competitions.tencent.corpus import Sequences
from competitions.tencent.features.popularity import CLICKS, EVENTS
from competitions.tencent.plan import (
    EARLIER,
    FEW_ADS,
    FEW_USERS,
    LONG,
    MOST_DAYS,
    SHORT,
    decide_channels,
    decide_counted,
    decide_list_length,
    decide_rewind,
    decide_seeds,
    decide_times,
    make_plan,
)
from competitions.tencent.retrieval import counts, sequence
from competitions.tencent.retrieval.registry import CHANNELS
from competitions.tencent.split import Rewind
from tests.unit.tencent.training_inputs import CONFIG, load_settings, make_corpus, make_sequences

NOW = 100 * DAY_S
STEADY = make_sequences([(1, 1, 0), (2, 1, 60), (3, 1, 120)], [(4, 1, 1_000), (5, 1, 1_060)])
VARIED = make_sequences([(1, 1, 0), (2, 1, 60), (3, 1, 90)], [(4, 1, 1_000), (5, 1, 1_060)])


def draw_users() -> Sequences:
    """Of 60 users a third click in the last hour before the reference, the others two days before it; all are then
    shown ads, for some hours.
    """
    rng = np.random.default_rng(0)
    clicks = [HOUR_S if user % 3 == 0 else 2 * DAY_S - HOUR_S for user in range(60)]
    return make_sequences(
        *([(1, 1, NOW - back - int(rng.integers(60))), (2, 0, NOW + int(rng.integers(5 * HOUR_S)))] for back in clicks)
    )


def test_times_that_only_count_steps_inside_histories_are_not_used() -> None:
    times, why = decide_times(STEADY)
    assert (times, "100% of the gaps between events are equal" in why) == (False, True)
    times, why = decide_times(VARIED)
    assert (times, why.endswith("is 67% of all gaps")) == (True, True)
    for without in (make_sequences([(1, 1, 5)], [], [(2, 1, 9)]), make_sequences([], [])):
        assert decide_times(without)[1].endswith("is 0% of all gaps")


def test_everybody_is_asked_days_earlier_where_the_files_show_when_the_host_asks() -> None:
    """Half of the users click within two days of the reference, not within one."""
    rewind, why = decide_rewind(draw_users(), draw_users(), True, False, CONFIG.split)
    assert (rewind.kind, rewind.days) == ("days", 2)
    assert NOW - HOUR_S < rewind.reference <= NOW
    assert "100% of the users have events but no click behind 19" in why
    assert why.endswith(
        "asked 2 days earlier, the fewest up to 7 in which 50% click and 80% of the test's users are asked"
    )
    set_days = msgspec.structs.replace(CONFIG.split, days=5)
    assert decide_rewind(draw_users(), draw_users(), True, False, set_days)[0].days == 5


def write_users(behind_h: int) -> Sequences:
    """Ten users who click nine and two days before the reference, and in the minute before it what they are then shown;
    behind it seven see an ad within the hour, three so many hours later.
    """
    clicks = [(1, 1, NOW - 9 * DAY_S), (2, 1, NOW - 2 * DAY_S), (3, 0, NOW - 60), (4, 1, NOW - 1)]
    return make_sequences(*([*clicks, (5, 0, NOW + hours * HOUR_S)] for hours in [1] * 7 + [behind_h] * 3))


@pytest.mark.parametrize(("behind", "days"), [(0, 1), (24, 1), (25, 2), (72, 3), (24 * 30, MOST_DAYS)])
def test_slow_queries_of_the_test_are_asked_in_the_hold_out_as_well(behind: int, days: int) -> None:
    """A test whose log ends a month before it is asked by the most days."""
    rewind = decide_rewind(write_users(1), write_users(behind), True, False, CONFIG.split)[0]
    assert (rewind.kind, rewind.reference, rewind.days) == ("days", NOW, days)


def test_where_the_hold_out_asks_quicker_users_than_the_test_the_run_says_so() -> None:
    """A day earlier all are asked at the end of that day; nobody was seen a week before the reference."""
    for behind, differs in ((1, False), (24 * 30, True)):
        plan = make_plan(make_corpus(write_users(1), 12, test=write_users(behind)), 0, CONFIG)
        said = f"of their own references, of the test's within {behind} h"
        (of_kind,) = [decision.reason for decision in plan.decisions if decision.setting == "split.kind"]
        assert said in of_kind
        assert (said in plan.other_question) == bool(plan.other_question) == differs
    assert make_plan(make_corpus(STEADY, 12), 0, CONFIG).slow is None
    nobody = make_sequences([(1, 0, NOW), (2, 0, NOW + 5)], [(1, 0, NOW), (2, 0, NOW + 7)])
    assert make_plan(make_corpus(nobody, 12), 0, load_settings("split.kind=days")).slow is None


def test_some_are_asked_a_click_earlier_where_everybody_ends_elsewhere() -> None:
    ends = np.random.default_rng(0).integers(0, 60 * DAY_S, 80).tolist()
    natural = make_sequences(*([(1, 1, end), (2, 1, end + 900), (3, 0, end + 7_200)] for end in ends))
    rewind, why = decide_rewind(natural, natural, True, False, CONFIG.split)
    assert rewind == Rewind("clicks", (FEW_USERS, FEW_USERS))
    assert why.endswith("some users are asked a click earlier")
    ordered = make_sequences(*([(1, 1, 0), (2, 0, DAY_S), (3, 0, 2 * DAY_S)] for _ in range(20)))  # placeholders
    assert decide_rewind(ordered, ordered, False, False, CONFIG.split)[0] == Rewind("clicks", (25_000, 15_000))
    forced = msgspec.structs.replace(CONFIG.split, kind="clicks")
    assert decide_rewind(draw_users(), draw_users(), True, False, forced) == (
        Rewind("clicks", (FEW_USERS, FEW_USERS)),
        "set",
    )
    # Where nobody has events behind the last click, days go back from the end of the log.
    clicks = make_sequences(*([(1, 1, end), (2, 1, end + 900)] for end in ends))
    days = decide_rewind(clicks, clicks, True, False, msgspec.structs.replace(CONFIG.split, kind="days"))[0]
    assert (days.kind, days.reference) == ("days", clicks.time.max() + 1)


def test_a_timed_log_stays_dense_around_the_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("competitions.tencent.plan.FEW_USERS", 10)
    log = make_sequences(*([(1, 1, end), (2, 1, end + 900)] for end in range(0, 100_000, 1_000)))
    assert decide_rewind(log, log, True, False, CONFIG.split)[0].queries == (20, 20)  # of 100 users
    few = msgspec.structs.replace(CONFIG.split, kind="clicks", queries=15)
    assert decide_rewind(log, log, True, False, few)[0].queries == (15, 20)


def test_the_plan_leaves_nothing_to_decide_and_asks_days_and_clicks_as_often_as_they_are_worth() -> None:
    for log, kind, earlier in ((draw_users(), "days", EARLIER["days"]), (STEADY, "clicks", 1)):
        plan = make_plan(make_corpus(log, 12), 0, CONFIG)
        assert (plan.rewind.kind, len(plan.rewind.queries) - 1, plan.list_length) == (kind, earlier, SHORT)
        assert plan.times == (log is not STEADY)
    given = load_settings("split.earlier=2", "ranker.list_length=40", "ranker.channels=counts")
    plan = make_plan(make_corpus(STEADY, 12), 0, given)
    assert (plan.rewind.queries, plan.list_length) == ((25_000, 15_000, 15_000), 40)
    assert plan.channels == ("counts",)


def test_what_channels_and_popularity_count_is_decided_by_the_whole_log(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = make_sequences([(1, 1, 0), (2, 0, 60), (3, 1, 90)])
    for log, exposures, kinds in ((VARIED, False, (EVENTS,)), (shown, True, (EVENTS, CLICKS)), (STEADY, False, ())):
        plan = make_plan(make_corpus(log, 12), 0, CONFIG)
        assert (plan.exposures, plan.kinds) == (exposures, kinds)
    pairs = 2 * (3 + 1)  # either way, of histories of three events and of two
    for affordable, counted in ((pairs, "events"), (pairs - 1, "clicks")):
        monkeypatch.setattr(counts, "AFFORDABLE_PAIRS", affordable)
        assert decide_counted(VARIED, "auto") == (counted, f"8 pairs of events: all are counted up to {affordable}")
        assert decide_counted(VARIED, "clicks") == ("clicks", "set")


def test_queries_say_their_action_where_the_hosts_do() -> None:
    corpus = make_corpus(VARIED, 12)
    for actions, value in ((None, "not given"), (np.array([1, 2], np.int8), "given")):
        plan = make_plan(replace(corpus, actions=actions), 0, CONFIG)
        assert (plan.rewind.actions, plan.decisions[0].value) == (actions is not None, value)


def test_all_that_the_files_allow_is_weighed() -> None:
    tables = tuple(name for name in CHANNELS if name != "content")
    assert decide_channels(make_corpus(VARIED, 12), 2, True, 4, CONFIG)[0] == ("content", *tables)
    assert decide_channels(make_corpus(VARIED, 12), 0, True, 4, CONFIG)[0] == tables
    untimed = decide_channels(make_corpus(VARIED, 12), 0, False, 4, CONFIG)[0]
    assert untimed == tuple(name for name in tables if name != "covisits")
    counts = load_settings("ranker.channels=counts")
    assert decide_channels(make_corpus(VARIED, 12), 1, True, 4, counts) == (("counts",), "set")


def test_a_channel_that_takes_too_long_is_left_out_with_its_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "estimate_seconds", lambda events, ads, settings: 20.0 * events)
    chosen, why = decide_channels(make_corpus(VARIED, 12), 0, True, 15, CONFIG)  # 15 x 100 s
    assert "sequence" not in chosen
    assert why.endswith("sequence would need about 25 minutes")
    monkeypatch.setattr("competitions.tencent.plan.ANSWERED", 1e-4)  # a query takes hours: a tenth of that is enough
    assert "sequence" in decide_channels(make_corpus(VARIED, 12), 0, True, 15, CONFIG)[0]


def test_many_candidates_make_long_lists() -> None:
    assert decide_list_length(FEW_ADS, "auto")[0] == SHORT
    assert decide_list_length(FEW_ADS + 1, "auto")[0] == LONG
    assert decide_list_length(FEW_ADS + 1, 50) == (50, "set")


def test_several_fits_are_averaged_where_few_users_are_asked() -> None:
    assert [decide_seeds(users, "auto", "auto")[0] for users in (4_999, 5_000)] == [[3, 3], [1, 1]]
    assert decide_seeds(10, 2, "auto")[0] == [2, 3]
