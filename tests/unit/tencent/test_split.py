"""The hold-out, by hand: where the cut lies, who is asked for what, among which ads, and what may be learned from."""

import msgspec
import numpy as np
import pytest

from common.engine.errors import UserError
from common.time_units import DAY_S
from competitions.tencent import split
from competitions.tencent.competition import COMPETITION
from competitions.tencent.config import SplitSettings
from competitions.tencent.corpus import Sequences
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.io import schema
from competitions.tencent.sequences import whole
from competitions.tencent.split import Fold
from tests.unit.tencent.training_inputs import make_sequences

CONFIG = COMPETITION.load_config([])
ROUND_TWO = msgspec.structs.replace(CONFIG.host, target="conversion")
EITHER = msgspec.structs.replace(CONFIG.host, target="conversion_or_click", actions=True)
# Clicks at 100, 300, 500, 600 and 900, 920, 930, 950, 960: the median is the cut.
SEQUENCES = make_sequences(
    [(1, 1, 100), (2, 0, 200), (3, 1, 900), (4, 1, 950)],
    [(2, 1, 300), (5, 0, 850), (7, 0, 910), (6, 1, 960)],
    [(7, 1, 920)],  # no history
    [(1, 0, 400), (2, 1, 500), (2, 2, 930)],  # what is clicked was shown before the cut
    [(8, 1, 600), (9, -1, 890)],  # no click behind it
)
SIX = CatalogueRows(np.arange(1, 7))
TWELVE = CatalogueRows(np.arange(1, 13))


def settings(**changed: object) -> SplitSettings:
    return msgspec.structs.replace(CONFIG.split, **{"valid_share": 0.5, "unseen_share": 0.5, **changed})


def hold_out(sequences: Sequences = SEQUENCES, seed: int = 0, **changed: object) -> Fold:
    return split.hold_out(sequences, SIX, CONFIG.host, settings(**changed), seed)


def events(fold: Fold, sequences: Sequences = SEQUENCES) -> list[list[int]]:
    """The items that may be learned from, by user."""
    history = fold.history(sequences)
    return [sequences.item[start:stop].tolist() for start, stop in zip(history.starts, history.ends, strict=True)]


def targets(fold: Fold) -> tuple[list[int], list[int]]:
    """The users that are queries, and the target of each."""
    assert fold.target is not None
    return fold.users.tolist(), fold.target.tolist()


# --- by time ---


def test_what_lies_before_the_cut_may_be_learned_from() -> None:
    assert events(hold_out()) == [[1, 2], [2, 5], [], [1, 2], [8, 9]]


def test_the_first_click_behind_the_cut_is_asked_for_from_all_that_lies_before_it() -> None:
    fold = hold_out()
    queries = fold.queries(SEQUENCES)
    assert targets(fold) == ([0, 1], [3, 6])  # not 4, the second; not 7, not clicked
    assert queries.ends.tolist() == fold.train_ends[[0, 1]].tolist()
    assert fold.target_action.tolist() == [1, 1]
    assert fold.condition.tolist() == [schema.CLICK] * 2


def test_a_click_beyond_the_horizon_is_not_asked_for() -> None:
    fold = hold_out(horizon_hours=60 / 3_600)  # up to 960, without it
    assert fold.users.tolist() == [0]
    assert hold_out(horizon_hours=61 / 3_600).users.tolist() == [0, 1]


def test_targets_are_among_the_candidates_and_the_rest_is_drawn_in_the_share_asked_for() -> None:
    before, fresh = {1, 2, 5, 8, 9}, {4, 7}
    for seed in range(8):
        drawn = set(hold_out(seed=seed).candidates.tolist())
        assert {3, 6} <= drawn
        assert len(drawn & fresh) == 1  # with both targets the half of six
        assert len(drawn & before) == 3
    drawn = set(hold_out(unseen_share=0.0).candidates.tolist())
    assert {3, 6} <= drawn
    assert len(drawn & before) == 4
    everything = set(hold_out(candidates=50, unseen_share=0.9).candidates.tolist())
    assert everything == {3, 6} | before | fresh
    assert set(hold_out(candidates=1).candidates.tolist()) == {3, 6}


def test_targets_that_training_has_not_seen_are_told_from_others() -> None:
    seen = make_sequences(*[[(1, 1, 100), (3, 1, 200)], [(2, 1, 110), (1, 1, 300)], [(5, 1, 120), (6, 1, 310)]])
    fold = hold_out(seen, valid_share=0.45)  # the cut is at 200
    assert targets(fold)[1] == [3, 1, 6]
    assert fold.unseen.tolist() == [True, False, True]


def test_at_most_so_many_are_asked_the_same_for_a_seed() -> None:
    chosen = [hold_out(queries=1, seed=seed) for seed in (0, 0, 1, 2, 3, 4)]
    assert {len(fold.users) for fold in chosen} == {1}
    assert chosen[0].users.tolist() == chosen[1].users.tolist()
    np.testing.assert_array_equal(chosen[0].candidates, chosen[1].candidates)
    assert {int(fold.users[0]) for fold in chosen} == {0, 1}
    assert all(int(fold.target[0]) == (3, 6)[int(fold.users[0])] for fold in chosen if fold.target is not None)


def test_round_two_asks_for_conversions_alone() -> None:
    sequences = make_sequences(
        [(1, 2, 100), (2, 1, 250), (3, 2, 260)], [(1, 0, 120), (4, 1, 210), (5, 2, 240)], [(2, 2, 200), (6, 1, 300)]
    )
    fold = split.hold_out(sequences, SIX, ROUND_TWO, settings(), 0)  # conversions at 100, 200, 240, 260
    assert targets(fold) == ([0, 1], [3, 5])
    assert fold.target_action.tolist() == [2, 2]
    assert fold.condition.tolist() == [schema.CONVERSION] * 2
    assert (fold.train_ends - sequences.offsets[:-1]).tolist() == [1, 2, 1]  # the cut is at 220


def test_round_two_asks_for_the_first_conversion_else_the_first_click() -> None:
    """The cut is at 220. User 0 clicks, converts, converts; 1 clicks twice; 2 converts beyond the horizon."""
    sequences = make_sequences(
        [(1, 1, 100), (2, 1, 250), (3, 2, 260), (4, 2, 270)],
        [(1, 2, 120), (5, 1, 240), (6, 1, 245)],
        [(2, 1, 200), (6, 1, 230), (5, 2, 330)],
        [(2, 0, 110), (3, 0, 280)],
    )
    changed = settings(horizon_hours=100 / 3_600, valid_share=0.7)
    fold = split.hold_out(sequences, SIX, EITHER, changed, 0)
    assert targets(fold) == ([0, 1, 2], [3, 5, 6])
    assert fold.target_action.tolist() == [2, 1, 1]
    assert fold.condition.tolist() == [2, 1, 1]  # as the host says it of the asked users
    assert (fold.train_ends - sequences.offsets[:-1]).tolist() == [1, 1, 1, 1]
    unsaid = split.hold_out(sequences, SIX, msgspec.structs.replace(EITHER, actions=False), changed, 0)
    assert unsaid.condition.tolist() == [1, 1, 1]  # as of the asked users, of whom nothing is said
    one = split.hold_out(sequences, SIX, CONFIG.host, changed, 0)
    assert targets(one)[1] == [2, 5, 6]
    assert one.condition.tolist() == [1, 1, 1]


def test_what_happens_behind_the_cut_moves_nothing_before_it() -> None:
    other = make_sequences(
        [(1, 1, 100), (2, 0, 200), (6, 1, 900), (7, 1, 950)],
        [(2, 1, 300), (5, 0, 850), (3, 0, 910), (9, 1, 960)],
        [(4, 1, 920)],
        [(1, 0, 400), (2, 1, 500), (2, 2, 930)],
        [(8, 1, 600), (9, -1, 890), (4, 0, 1_000)],
    )
    one, changed = hold_out(), hold_out(other)
    assert (changed.train_ends - other.offsets[:-1]).tolist() == (one.train_ends - SEQUENCES.offsets[:-1]).tolist()
    assert changed.users.tolist() == one.users.tolist()


@pytest.mark.parametrize(
    ("kind", "sequences", "message"),
    [
        ("time", make_sequences([(1, 0, 1), (2, -1, 2)]), "No event of the sequences is a click"),
        ("time", make_sequences([(1, 1, 1)], [(2, 1, 2)]), "split.horizon_hours"),
        ("time", make_sequences([(1, 1, 1), (1, 1, 9)]), "split.valid_share"),
        ("last", make_sequences([(1, 1, 1)], [], [(2, 0, 1)]), "No user has a click and an event before it"),
        # 1 is seen already, 9 no candidate
        ("last", make_sequences([(1, 1, 1), (1, 1, 2)], [(2, 1, 1), (9, 1, 2)]), "nothing can be held out"),
    ],
)
def test_where_nothing_can_be_held_out_the_reason_is_named(kind: str, sequences: Sequences, message: str) -> None:
    with pytest.raises(UserError, match=message):
        hold_out(sequences, kind=kind)


def test_the_hold_out_is_asked_at_the_time_of_day_at_which_the_log_ends() -> None:
    """Ten days of a click an hour: a cut is moved to a whole number of days before the end."""
    hour = 3_600
    log = make_sequences([(1 + step % 6, 1, step * hour) for step in range(240)], [(1, 1, 0), (2, 1, 239 * hour)])
    end = 239 * hour + 1
    for cut, moved in ((215 * hour, end - DAY_S), (190 * hour, end - 2 * DAY_S), (end - 13 * hour, end - DAY_S)):
        assert split.align_cut(whole(log), cut) == moved
    assert split.align_cut(whole(log), end - 11 * hour) == end - 11 * hour  # no whole day is near
    assert split.align_cut(whole(log), 100 * hour) == 100 * hour  # too early
    fold = split.hold_out(log, SIX, CONFIG.host, settings(valid_share=0.06), 0)  # 14 clicks
    assert log.time[fold.train_ends[0] - 1] < end - DAY_S <= log.time[fold.train_ends[0]]


# --- by order ---


def test_a_target_by_order_is_a_click_whatever_a_log_ends_with() -> None:
    """Exposures, null actions and conversions: scored as targets, the first two would be .0000 without a word."""
    log = make_sequences(
        [(1, 1, 1), (2, 1, 2), (3, 0, 3), (4, -1, 4)],  # two clicks, and two events that are none
        [(1, 0, 1), (2, 0, 2)],  # no click: never asked, and all of it may be learned from
        [(5, 0, 1), (6, 2, 2), (1, 1, 3)],
        [(3, 1, 1)],  # nothing before the click
    )
    fold = hold_out(log, kind="last")
    assert targets(fold) == ([0, 2], [2, 1])
    assert events(fold, log) == [[1], [1, 2], [5, 6], []]
    first, *rest = earlier(log, fold, kind="last")
    assert targets(first) == ([2], [6])
    assert events(first, log) == [[], [1, 2], [5], []]  # of who has fewer clicks, what lies before the first
    assert rest == []
    converted = split.hold_out(
        log, SIX, msgspec.structs.replace(CONFIG.host, target="conversion"), settings(kind="last"), 0
    )
    assert targets(converted) == ([2], [6])
    with pytest.raises(UserError, match="No user has a click and an event before it"):
        hold_out(make_sequences([(1, 0, 1), (2, 0, 2)], [(1, -1, 1), (3, 0, 2)]), kind="last")


def test_where_times_say_nothing_the_last_click_of_each_is_asked_for() -> None:
    fold = hold_out(kind="last")
    assert events(fold) == [[1, 2, 3], [2, 5, 7], [], [1, 2], []]
    assert targets(fold) == ([0, 1], [4, 6])  # 2 is seen already, 9 no candidate
    assert fold.candidates is SIX
    assert fold.unseen.tolist() == [True, True]


def test_where_nobody_ended_on_a_new_candidate_before_there_is_no_earlier_question() -> None:
    ends = make_sequences([(1, 1, 1), (1, 1, 2), (1, 1, 3), (3, 1, 4)])
    assert earlier(ends, hold_out(ends, kind="last"), kind="last") == []


# --- the host's queries ---


def test_all_test_users_are_queries_and_all_may_be_learned_from() -> None:
    test = make_sequences([(5, 0, 1)], [], [(6, 1, 1), (7, 1, 2)])
    fold = split.build_test_fold(SEQUENCES, test, TWELVE, None, CONFIG.host)
    assert fold.history(SEQUENCES).lengths.tolist() == [4, 4, 1, 3, 2]
    assert fold.queries(test).lengths.tolist() == [1, 0, 2]
    assert fold.condition.tolist() == [schema.CLICK] * 3
    assert (fold.target, fold.unseen, fold.target_action) == (None, None, None)


def test_what_the_host_says_of_a_users_action_goes_before_the_setting() -> None:
    test = make_sequences([(5, 0, 1)], [(6, 1, 1)])
    fold = split.build_test_fold(SEQUENCES, test, TWELVE, np.array([2, -1], np.int8), CONFIG.host)
    assert fold.condition.tolist() == [2, schema.CLICK]  # nothing is said of the second
    assert split.build_test_fold(SEQUENCES, test, TWELVE, None, ROUND_TWO).condition.tolist() == [2, 2]


# --- asked earlier ---


def earlier(sequences: Sequences, fold: Fold, **changed: object) -> list[Fold]:
    changed = {"earlier": 2, "horizon_hours": 100 / 3600, **changed}
    return split.earlier_folds(sequences, SIX, fold, CONFIG.host, settings(**changed), 0)


def test_earlier_questions_are_asked_a_horizon_apart_before_the_end_of_what_a_fold_shows() -> None:
    """What may be seen ends at 600, so that a question is asked at 501 and one at 401."""
    sequences = make_sequences(
        [(1, 1, 10), (2, 1, 450), (3, 1, 550), (4, 1, 960)],
        [(5, 0, 90), (6, 1, 480), (1, 1, 600)],
        [(4, 1, 950)],
    )
    fold = split.Fold(np.array([3, 7, 7]), np.array([0]), np.array([3]), SIX, np.array([1]), None, None, None)
    later, before = earlier(sequences, fold)
    assert (later.users.tolist(), later.target.tolist(), later.query_ends.tolist()) == ([0, 1], [3, 1], [2, 6])
    assert (before.users.tolist(), before.target.tolist(), before.query_ends.tolist()) == ([0, 1], [2, 6], [1, 5])
    for question in (later, before):
        assert (question.train_ends <= fold.train_ends).all()


def test_earlier_questions_read_nothing_behind_the_fold() -> None:
    fold = hold_out()
    changed = make_sequences(
        [(1, 1, 100), (2, 0, 200), (5, 1, 901), (6, 1, 950)],
        [(2, 1, 300), (5, 0, 850), (1, 0, 911), (3, 1, 961)],
        [(1, 1, 921)],
        [(1, 0, 400), (2, 1, 500), (9, 2, 931)],
        [(8, 1, 600), (9, -1, 890)],
    )
    for kind in ("time", "last"):
        made = [earlier(log, fold, kind=kind, horizon_hours=1.0) for log in (SEQUENCES, changed)]
        assert made[0]
        for one, other in zip(*made, strict=True):
            assert one.users.tolist() == other.users.tolist()
            assert one.target.tolist() == other.target.tolist()
            assert one.candidates.tolist() == other.candidates.tolist()
            assert one.train_ends.tolist() == other.train_ends.tolist()


def test_where_times_say_nothing_the_earlier_question_is_for_the_event_before() -> None:
    sequences = make_sequences([(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 1, 4)], [(5, 1, 1), (6, 1, 2)])
    fold = split.hold_out(sequences, SIX, CONFIG.host, settings(kind="last"), 0)
    assert targets(fold)[1] == [4, 6]
    first, second = earlier(sequences, fold, kind="last")
    assert targets(first) == ([0], [3])
    assert targets(second) == ([0], [2])


def test_a_log_without_events_has_no_earlier_question() -> None:
    sequences = make_sequences([], [])
    fold = split.build_test_fold(sequences, sequences, TWELVE, None, CONFIG.host)
    assert earlier(sequences, fold) == []
