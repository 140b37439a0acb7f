"""The folds, by hand and beside a plain loop: who is asked what at which time, from which history; what is hidden."""

from dataclasses import replace

import numpy as np
import pytest

from common.engine.errors import UserError
from common.time_units import DAY_S, HOUR_S
from competitions.tencent import split
from competitions.tencent.candidate_sampling import CLASSES, CandidateMix
from competitions.tencent.corpus import CatalogueRows, Sequences
from competitions.tencent.io import schema
from competitions.tencent.sequences import whole
from competitions.tencent.split import Fold, Rewind, build_test_fold, find_reference, measure_lags, rewind
from tests.unit.tencent.training_inputs import make_sequences

TWELVE = CatalogueRows(np.arange(1, 13))
NOW = 100 * DAY_S  # the organiser's reference time
ALL, THREE = (25_000, 15_000), (25_000, 15_000, 15_000)  # queries of two folds, of three
DAYS, CLICKS = Rewind("days", ALL, NOW, 1), Rewind("clicks", ALL)


def at(*events: tuple[int, int, float]) -> list[tuple[int, int, int]]:
    """A user's events (ad, action, hours from the reference)."""
    return [(ad, action, NOW + int(hours * HOUR_S)) for ad, action, hours in events]


LOG = make_sequences(
    at((1, 1, -60), (2, 1, -40), (3, 1, -20), (4, 0, 1)),
    at((1, 1, -70), (5, 1, -30), (7, 0, 2)),  # no click within the last day
    at((1, 0, -50), (7, 1, -20)),  # one click, which is asked for in the later fold
    at((2, 0, -60), (8, 0, -30), (8, 1, -10), (9, 0, 1)),  # the ad clicked was shown before
    at((1, 0, -50), (2, 1, -21), (3, 1, 5)),  # clicks behind the reference: the own one is later
    at((10, 1, -5)),  # no history
)


def make(log: Sequences = LOG, how: Rewind = DAYS, seed: int = 0, queries: tuple[int, ...] = ()) -> list[Fold]:
    how = replace(how, queries=queries or how.queries)
    return rewind(log, build_test_fold(log, log, TWELVE, None), how, seed)


def targets(fold: Fold) -> dict[int, int]:
    """The target of each user who is asked."""
    assert fold.target is not None
    return dict(zip(fold.users.tolist(), fold.target.tolist(), strict=True))


def shown(fold: Fold, log: Sequences = LOG) -> list[list[int]]:
    """The ads that may be learned from, by user."""
    history = fold.history(log)
    return [log.item[start:stop].tolist() for start, stop in zip(history.starts, history.ends, strict=True)]


def draw_log(seed: int, users: int = 60) -> Sequences:
    """Users of any length, some of none, with clicks and exposures on either side of the reference."""
    rng = np.random.default_rng(seed)
    return make_sequences(
        *(
            [
                (int(rng.integers(1, 40)), int(rng.choice([-1, 0, 1, 2])), int(time))
                for time in np.sort(rng.integers(NOW - 6 * DAY_S, NOW + DAY_S, rng.integers(0, 12)))
            ]
            for _ in range(users)
        )
    )


# --- days ---


def test_the_same_rule_is_asked_whole_days_earlier() -> None:
    later, before = make()
    assert targets(later) == {0: 3, 2: 7, 4: 3}
    assert shown(later) == [[1, 2], [1, 5, 7], [1], [2, 8], [1, 2], []]
    assert targets(before) == {0: 2, 1: 5, 4: 2}
    assert shown(before) == [[1], [1], [1], [2, 8], [1], []]
    # Of 7 another user is shown something, behind the reference.
    for fold, times, unseen in ((later, [-40, -50, -21], [1, 0, 1]), (before, [-60, -70, -50], [0, 1, 0])):
        assert ((fold.query_times - NOW) / HOUR_S).tolist() == times
        assert fold.unseen is not None
        assert fold.unseen.tolist() == unseen
        assert fold.queries(LOG).ends.tolist() == fold.train_ends[fold.users].tolist()
        assert fold.condition.tolist() == [schema.CLICK] * 3
        assert set(targets(fold).values()) <= set(fold.candidates.tolist())


def test_earlier_folds_know_nothing_of_what_the_hold_out_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    log = draw_log(9)
    # The organiser's own mix, in which half are new.
    monkeypatch.setattr(split, "measure_mix", lambda *_: CandidateMix(30, 0.5, 101, np.full(CLASSES, 1 / CLASSES)))
    folds = make(log, queries=THREE)
    hidden = np.ones(len(log.item), bool)
    hidden[folds[0].history(log).events()] = False
    changed = replace(log, item=np.where(hidden, 41 + np.arange(len(hidden)) % 60, log.item).astype(np.int32))
    assert targets(make(changed)[0]) != targets(folds[0])
    for one, other in zip(make(changed, queries=THREE)[1:], folds[1:], strict=True):
        for name in ("target", "train_ends", "query_times", "candidates"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_at_most_so_many_are_asked_and_the_others_are_hidden_alike() -> None:
    few, everybody = make(queries=(2, 1)), make()
    assert [len(fold.users) for fold in few] == [2, 1]
    for one, other in zip(few, everybody, strict=True):
        assert targets(one).items() <= targets(other).items()
        assert one.train_ends.tolist() == other.train_ends.tolist()


def test_round_two_asks_for_conversions_and_clicks_and_says_which() -> None:
    log = make_sequences(at((1, 1, -60), (2, 2, -20), (3, 0, 1)), at((1, 0, -60), (4, 1, -20), (3, 0, 1)))
    fold = make(log, replace(DAYS, actions=True))[0]
    assert (targets(fold), fold.condition.tolist()) == ({0: 2, 1: 4}, [schema.CONVERSION, schema.CLICK])
    assert fold.target_action is not None
    assert fold.target_action.tolist() == [2, 1]
    assert make(log)[0].condition.tolist() == [schema.CLICK, schema.CLICK]


# --- the reference time ---


def test_the_reference_time_is_found_where_some_have_a_later_one() -> None:
    """A fifth click on behind it; all see ads on up to their own ends, in hours."""
    rng, users, latest = np.random.default_rng(0), [], 0
    for user in range(100):
        own = 0.0 if user % 5 else float(rng.uniform(48, 96))
        clicks = [(1, 1, own - float(hours)) for hours in np.sort(rng.uniform(1, 200, 6))[::-1]]
        users.append(at(*clicks, (2, 0, own + float(rng.uniform(0.1, 20)))))
        latest = max(latest, users[-1][-2][2] if user % 5 else 0)
    found, share = find_reference(make_sequences(*users, [], []))  # who did nothing does not count
    assert share == pytest.approx(0.8, abs=0.02)  # of who clicks days behind it, one did nothing for as long before
    assert latest < found <= NOW


def test_how_far_queries_lie_behind_their_own_references() -> None:
    """Of the fifth user it is the second behind the click; the last one has no history a day earlier."""
    assert measure_lags(LOG, NOW).tolist() == pytest.approx([1, 2, -20, 1, -1 / 3_600, -5])
    assert measure_lags(LOG, NOW, days=1).tolist() == pytest.approx([-16, -26, -6, -2 - 1 / 3_600])
    nobody = make_sequences([], [])
    assert measure_lags(nobody, NOW).tolist() == measure_lags(nobody, NOW, days=1).tolist() == []
    latest = replace(LOG, time=LOG.time - NOW + schema.MAX_SECONDS)
    assert measure_lags(latest, schema.MAX_SECONDS).tolist() == measure_lags(LOG, NOW).tolist()


def test_a_log_of_clicks_and_one_of_nobody_have_no_reference_time() -> None:
    clicks = make_sequences(*([(1, 1, time), (2, 1, time + 60)] for time in range(0, 9_000, 100)))
    for log in (clicks, make_sequences([], []), make_sequences()):
        assert find_reference(log) == (0, 0.0)
    assert find_reference(make_sequences([(1, 0, 50), (2, 0, 90)])) == (50, 1.0)  # no click at all


# --- clicks ---


def test_some_users_are_asked_a_click_earlier_and_the_others_stay_whole() -> None:
    log = draw_log(3, users=200)
    folds = make(log, CLICKS, queries=(12, 6, 6))
    assert [len(fold.users) for fold in folds] == [12, 6, 6]
    rewound: set[int] = set()
    for fold in folds:
        assert not rewound & set(fold.users.tolist())
        rewound |= set(fold.users.tolist())
        for user in range(len(log)):
            start, stop = log.offsets[user : user + 2].tolist()
            last = max((event for event in range(start, stop) if log.action[event] >= 1), default=stop)
            # What an earlier part was asked for is hidden in all that come behind it, too.
            assert fold.train_ends[user] == (last if user in rewound else stop)
        for user, target in targets(fold).items():
            end = int(fold.train_ends[user])
            assert log.item[end] == target
            assert target in TWELVE
            assert target not in log.item[log.offsets[user] : end]
        assert fold.query_times.tolist() == log.time[fold.train_ends[fold.users] - 1].tolist()
        assert fold.candidates.tolist() == TWELVE.tolist()


def test_where_few_can_be_asked_the_parts_shrink_alike() -> None:
    log = make_sequences(*[at((1, 1, -60), (2 + user, 1, -40)) for user in range(10)])
    assert [len(fold.users) for fold in make(log, CLICKS, queries=(10, 5, 5))] == [5, 2, 2]


# --- nobody ---


@pytest.mark.parametrize("how", [DAYS, CLICKS], ids=lambda how: how.kind)
def test_where_nobody_can_be_asked_the_hold_out_has_no_query(how: Rewind, capsys: pytest.CaptureFixture[str]) -> None:
    log = make_sequences(at((1, 1, -20), (2, 0, 1)), at((3, 1, -10)), [])
    (fold,) = make(log, how)
    assert targets(fold) == {}
    assert fold.train_ends.tolist() == log.offsets[1:].tolist()
    split.say_folds(fold, [fold])
    assert "nobody can be asked earlier" in capsys.readouterr().err
    with pytest.raises(UserError, match="No event of the sequences is a click"):
        make(make_sequences(at((1, 0, -20), (2, -1, 1))), how)


# --- the organiser's queries ---


def test_all_test_users_are_asked_at_their_last_event_and_all_may_be_learned_from() -> None:
    test = make_sequences([(5, 0, 10)], [], [(6, 1, 1), (7, 1, 30)])
    fold = build_test_fold(LOG, test, TWELVE, None)
    assert fold.history(LOG).lengths.tolist() == np.diff(LOG.offsets).tolist()
    assert fold.queries(test).lengths.tolist() == [1, 0, 2]
    assert fold.query_times.tolist() == [10, 20, 30]  # of who did nothing the middle of the others
    assert fold.condition.tolist() == [schema.CLICK] * 3
    assert (fold.target, fold.unseen, fold.target_action) == (None, None, None)
    known = build_test_fold(LOG, test, TWELVE, np.array([2, -1, 1], np.int8))  # nothing is said of the second
    assert known.condition.tolist() == [schema.CONVERSION, schema.CLICK, schema.CLICK]
    with pytest.raises(UserError, match="has 9 candidates but each user needs 10"):
        build_test_fold(LOG, test, CatalogueRows(TWELVE[:9]), None)


def test_what_further_users_would_click_are_rivals_too() -> None:
    """The user is asked for ad 2; of what is hidden behind it ads 3 and 4 are clicked and ad 5 is shown only."""
    mix = CandidateMix(count=1, unseen=1.0, rows=7, share=np.zeros(CLASSES))
    for seconds, expected in ((10, [[2], [2]]), (0, [[2], [2, 3, 4]])):  # behind the question's day nothing counts
        behind = [
            (ad, action, 20 + step * seconds) for step, (ad, action) in enumerate([(2, 1), (3, 1), (5, 0), (4, 1)])
        ]
        log = make_sequences([(1, 1, 10), *behind], [(6, 1, 15)])
        inputs = whole(log), np.array([1, 6]), np.array([1])
        drawn = [split._draw_candidates(*inputs, more, mix, 20, np.random.default_rng(0)).tolist() for more in (0, 2)]
        assert drawn == expected
