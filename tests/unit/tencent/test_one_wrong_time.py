"""One event with a wrong date moves what is known of its own user and ad, and nothing that others see."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from competitions.tencent import split
from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Int64s, Sequences
from competitions.tencent.features.forecast import AdStatistics, compute_statistics
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.io import schema
from competitions.tencent.sequences import usual_times, whole
from competitions.tencent.split import Fold, end_time
from tests.unit.tencent.tencent_files import World, counts, read, write_competition, write_release
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences

DAY = 86_400
NOW, USERS, ADS, DAYS = 1_748_000_000, 60, 40, 8
CONFIG = COMPETITION.load_config([])
CATALOGUE = make_catalogue(ADS)
CANDIDATES = CatalogueRows(np.arange(1, ADS + 1))
ODD = {"1970": 0, "a month ahead": NOW + 30 * DAY, "the year 4000": 64_060_588_800, "a month before": NOW - 39 * DAY}
Event = tuple[int, int, int]


def draw_events() -> list[list[Event]]:
    """Of each user the events of eight days, oldest first."""
    rng = np.random.default_rng(0)
    return [
        [
            (int(rng.integers(1, ADS + 1)), int(rng.random() < 0.3), NOW - int(age))
            for age in np.sort(rng.integers(1, DAYS * DAY, rng.integers(20, 40)))[::-1]
        ]
        for _ in range(USERS)
    ]


EVENTS = draw_events()
SOUND = make_sequences(*EVENTS)
USER, PLACE = next((user, at) for user, own in enumerate(EVENTS) for at in range(5, 15) if own[at][1] == 0)
AD = EVENTS[USER][PLACE][0]


def misdate(time: int) -> Sequences:
    """The log with one exposure at another time."""
    own = [*EVENTS[USER][:PLACE], *EVENTS[USER][PLACE + 1 :], (AD, 0, time)]
    events = [*EVENTS[:USER], sorted(own, key=lambda event: event[2]), *EVENTS[USER + 1 :]]
    return make_sequences(*events)


def others(values: Int64s, index: int) -> Int64s:
    return np.delete(values, index, 0)


@pytest.fixture(params=ODD)
def odd(request: pytest.FixtureRequest) -> Sequences:
    return misdate(ODD[request.param])


def test_the_ends_of_the_log_stay(odd: Sequences) -> None:
    assert usual_times(whole(odd)) == usual_times(whole(SOUND))
    assert usual_times(whole(SOUND)) == (SOUND.time.min(), SOUND.time.max())


def test_an_ad_that_others_see_is_described_as_before(odd: Sequences) -> None:
    def describe(log: Sequences) -> AdStatistics:
        return compute_statistics(whole(log), CATALOGUE, times=True)

    before, after = describe(SOUND), describe(odd)
    np.testing.assert_array_equal(others(after.own, AD), others(before.own, AD))
    assert np.isfinite(after.own).all()
    # Ads of the same features are told by their mean, of which this ad is one part.
    np.testing.assert_allclose(after.values, before.values, atol=0.2)
    name = before.names.index("events faded by 2 h")
    assert after.own[AD, name] <= np.log(np.exp(before.own[AD, name]) + 1) + 1e-6  # one event at most


def lengths(fold: Fold, log: Sequences) -> Int64s:
    """How much of every user is shown but of the one with the wrong date."""
    return others(fold.history(log).lengths, USER)


def test_the_hold_out_and_the_earlier_questions_stay_where_they_are(odd: Sequences) -> None:
    settings = msgspec.structs.replace(CONFIG.split, kind="time", earlier=3, horizon_hours=24.0, valid_share=0.1)

    def ask(log: Sequences) -> list[Fold]:
        valid = split.hold_out(log, CANDIDATES, CONFIG.host, settings, 0)
        test = split.build_test_fold(log, log, CANDIDATES, None, CONFIG.host)
        return [
            fold
            for asked in (valid, test)
            for fold in (asked, *split.earlier_folds(log, CANDIDATES, asked, CONFIG.host, settings, 0))
        ]

    before, after = ask(SOUND), ask(odd)
    assert len(before) == len(after) == 8
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(lengths(other, odd), lengths(one, SOUND))
        users = [set(fold.users.tolist()) - {USER} for fold in (one, other)]
        assert users[0] == users[1]
        if end_time(one.history(SOUND)) < end_time(whole(SOUND)) and one.target is not None:
            assert other.target is not None
            targets = [dict(zip(fold.users.tolist(), fold.target.tolist(), strict=True)) for fold in (one, other)]
            assert {user: targets[0][user] for user in users[0]} == {user: targets[1][user] for user in users[0]}


def test_few_users_have_no_odd_one_out() -> None:
    log = make_sequences(*([(1, 0, 100 * DAY * user)] for user in range(5)))
    assert usual_times(whole(log)) == (0, 400 * DAY)
    assert usual_times(whole(make_sequences([], []))) == (0, -1)


def test_a_log_that_thins_out_ends_where_it_ends() -> None:
    """Most users leave within an hour, and one in ten stays for days."""
    log = make_sequences(*([(1, 0, user if user % 10 else user * 3600)] for user in range(100)))
    assert usual_times(whole(log)) == (0, 90 * 3600)


@pytest.mark.parametrize("write", [write_competition, write_release])
def test_the_reader_counts_events_that_are_dated_apart(tmp_path: Path, write: object) -> None:
    assert callable(write)
    users = tuple(f"user_{number:08d}" for number in range(1, 31))
    events = {user: tuple((1 + user % 3, 1, NOW + 60 * user + at) for at in range(3)) for user in range(1, 31)}
    world = World(users=users, events=events, user_features={user: {"103": 5} for user in events})
    assert not [what for what in counts(read(write(tmp_path / "sound", world))) if "dated" in what]
    events[7] = (*events[7][:2], (2, 1, NOW * 2))
    folder = write(tmp_path / "odd", replace(world, events=events))
    ((what, (count, first)),) = [note for note in counts(read(folder)).items() if "dated" in note[0]]
    assert (count, first) == (1, "user user_00000007")
    assert f"after {NOW + 60 * 30 + 2}" in what
    assert schema.SEQUENCES not in what
