"""Popularity at a query's time: windows beside a plain count; nothing of what the query's own user does next."""

import operator
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from common.time_units import HOUR_S
from competitions.tencent.corpus import Catalogue, CatalogueRows, Corpus, Sequences
from competitions.tencent.features import popularity as popularity_module
from competitions.tencent.features.popularity import (
    CLICKS,
    EDGES_H,
    EVENTS,
    FEWEST_SLOTS,
    FLOOR,
    GROUPS,
    MOST_SLOTS,
    SHRINK,
    AdLog,
    Pools,
    Popularity,
    choose_pools,
    count_slots,
    describe,
    make_slots,
    measure_popularity,
)
from competitions.tencent.io import schema
from competitions.tencent.ranking import answer_queries
from competitions.tencent.retrieval.search import Search, take_queries
from competitions.tencent.sequences import Histories, whole
from competitions.tencent.split import Fold, Rewind, build_test_fold, rewind
from tests.unit.tencent.tencent_folds import fit_fold
from tests.unit.tencent.training_inputs import CONFIG, make_catalogue, make_corpus, make_sequences

NOW = 2_000 * HOUR_S
BOTH = (EVENTS, CLICKS)
WEIGHTS = {"events 24 h before": 1.0, "events 24 h behind": 1.0, "100 within a day": 1.0}
Event = tuple[int, int, int]


def measure_all(log: Histories, catalogue: Catalogue, fold: Fold, kinds: Sequence[str] = BOTH) -> Popularity:
    """Of all candidates, which are one group."""
    pools = choose_pools(log, catalogue, fold, len(fold.candidates), {}, kinds)
    (popularity,) = measure_popularity(log, catalogue, fold, pools, kinds)
    return popularity


def squeezed(hours: float) -> float:
    return float(np.sign(hours) * np.log1p(abs(hours)))


# --- windows ---


@pytest.mark.parametrize("seed", range(3))
def test_windows_are_those_of_a_plain_count(seed: int) -> None:
    """Times lie half hours apart, so that events stand on the edges of windows and at the moment itself."""
    rng = np.random.default_rng(seed)
    catalogue = make_catalogue(12, seed=seed)
    rows = CatalogueRows(np.array([1, 3, 4, 7, 8, 12]))
    drawn = zip(rng.integers(1, 12, 300), rng.integers(-1, 3, 300), rng.integers(-160, 160, 300), strict=True)
    events = [(int(ad), int(action), int(NOW + half * HOUR_S // 2)) for ad, action, half in drawn]
    events.sort(key=operator.itemgetter(2))
    log = AdLog(whole(make_sequences(events[::2], events[1::2])), catalogue, rows, BOTH)
    for moment in (NOW, NOW + 17 * HOUR_S // 2, NOW - 40 * HOUR_S, NOW + 1):
        columns = describe(log, moment)
        near = {
            ad: sum(moment - 24 * HOUR_S <= time < moment + 24 * HOUR_S for own, _, time in events if own == ad)
            for ad in range(1, 13)
        }
        for at, ad in enumerate(rows.tolist()):
            for kind, lowest in (("events", -1), ("clicks", schema.CLICK)):
                times = [time for own, action, time in events if own == ad and action >= lowest]
                for hours in EDGES_H:
                    before = sum(moment - hours * HOUR_S < time <= moment for time in times)
                    behind = sum(moment < time <= moment + hours * HOUR_S for time in times)
                    assert columns[f"{kind} {hours} h before"][at] == pytest.approx(np.log(before + FLOOR))
                    assert columns[f"{kind} {hours} h behind"][at] == pytest.approx(np.log(behind + FLOOR))
                assert columns[f"{kind} in all"][at] == pytest.approx(np.log(len(times) + FLOOR))
            times = [time for own, _, time in events if own == ad]
            assert columns["unseen"][at] == (not times)
            age, runs = ((moment - min(times)) / HOUR_S, (max(times) - moment) / HOUR_S) if times else (0, 0)
            assert (columns["age"][at], columns["runs on"][at]) == pytest.approx((squeezed(age), squeezed(runs)))
            alive = [count for count in near.values() if count]
            for field, name in enumerate(schema.ITEM_FEATURES):
                code = catalogue.features[ad, field]
                same = [count for other, count in near.items() if count and catalogue.features[other, field] == code]
                mean = (sum(same) + SHRINK * np.mean(alive)) / (len(same) + SHRINK)
                assert columns[f"{name} within a day"][at] == pytest.approx(np.log(mean + FLOOR))
    assert not near[12]  # an ad of nobody is among them


def test_a_column_of_your_own_is_measured_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    log = make_sequences([(1, 1, 1), (2, 0, 2)], [(3, 1, 1)])
    fold = build_test_fold(log, log, CatalogueRows(np.arange(1, 12)), None)
    inputs = (whole(log), make_catalogue(11), fold)
    popularity = measure_all(*inputs)
    monkeypatch.setattr(
        popularity_module, "describe", lambda log, *rest: {"trend": log.rows / 2, **describe(log, *rest)}
    )
    more = measure_all(*inputs)
    assert more.names == ("trend", *popularity.names)
    times, item = fold.query_times, CatalogueRows(np.array([[4, 3], [2, 5]]))
    assert more.of(times, item)[:, :, 0].tolist() == [[2, 1.5], [1, 2.5]]
    assert np.array_equal(more.of(times, item)[:, :, 1:], popularity.of(times, item))


@pytest.mark.parametrize("kinds", [(EVENTS,), BOTH])
def test_the_columns_are_those_of_the_plan_whatever_a_history_holds(kinds: tuple[str, ...]) -> None:
    """Where the whole log has nothing but clicks, they are not counted twice."""
    log = AdLog(whole(make_sequences([(1, 0, 5)])), make_catalogue(3), CatalogueRows(np.array([1, 2])), kinds)
    assert {name.split()[0] for name in describe(log, 5) if name.startswith(BOTH)} == {*kinds}


def test_where_times_only_give_the_order_events_alone_are_counted() -> None:
    log = make_sequences([(1, 1, 1), (2, 0, 2), (1, 0, 3)], [(3, 1, 1)])
    fold = build_test_fold(log, log, CatalogueRows(np.arange(1, 12)), None)
    popularity = measure_all(whole(log), make_catalogue(11), fold, ())
    assert popularity.names == ("events in all",)
    found = popularity.of(fold.query_times, CatalogueRows(np.array([[1, 2, 3, 4], [4, 3, 2, 1]])))
    assert found[:, :, 0] == pytest.approx(np.log1p([[2, 1, 1, 0], [0, 1, 1, 2]]), abs=1e-3)


# --- slots ---


@pytest.mark.parametrize(("ads", "most"), [(10, MOST_SLOTS), (10**9, FEWEST_SLOTS)])
def test_a_query_is_described_at_about_its_own_time(ads: int, most: int) -> None:
    times = np.sort(np.random.default_rng(0).integers(0, 10**6, 3_000))
    slots = make_slots(times, count_slots(ads))
    assert most - 2 <= len(slots.times) <= most
    assert slots.queries.sum() == len(times)
    slot = slots.find(times)
    assert np.bincount(slot).tolist() == slots.queries.tolist()
    assert slots.queries.max() < 2 * len(times) / most
    for at, time in enumerate(slots.times):
        own = times[slot == at]
        assert time == own[(len(own) - 1) // 2]


# --- the pools ---


def test_what_lives_when_queries_are_asked_is_searched_and_new_ads_by_their_values() -> None:
    """Of ads 1 to 40 a quarter is shown at each of four times, and queries are asked at two of these; 41 and 42 are
    new, of the value of ads of the third time, and of those of the fourth.
    """
    features = np.zeros((43, 13), np.int32)
    features[1:, 0] = [*np.repeat([1, 2, 3, 4], 10), 3, 4]
    catalogue = Catalogue(np.arange(43), features, 42, (4, *[0] * 12))
    hours = [0, 200, 400, 600]
    events = [(ad, 0, NOW + hours[(ad - 1) // 10] * HOUR_S) for ad in range(1, 41)] * 3
    log = make_sequences(*([event] for event in events), [(1, 1, NOW + 201 * HOUR_S)], [(1, 1, NOW + 401 * HOUR_S)])
    fold = build_test_fold(log, log, CatalogueRows(np.arange(1, 43)), None)
    asked = replace(fold, query_times=np.array([NOW + 201 * HOUR_S, NOW + 401 * HOUR_S]))
    uncut = choose_pools(whole(log), catalogue, asked, 42, WEIGHTS, BOTH)
    assert ([*uncut.rows], uncut.edges.tolist()) == ([fold.candidates], [])
    second, third = choose_pools(whole(log), catalogue, asked, 12, WEIGHTS, BOTH).rows
    assert {*second.tolist()} >= {*range(11, 21)}
    assert third.tolist() == [1, *range(21, 31), 41]  # ad 1 is clicked by who is asked
    assert (np.diff(second) > 0).all()


def plant_halves(queries: int) -> tuple[Sequences, Fold]:
    """Ads 1 to 10 are shown in the first half of 800 hours, 11 to 20 in the second; the last users are asked from one
    end of these to the other, each for an ad of the own half.
    """
    shown = [
        [(ad, 0, NOW + hour * HOUR_S) for ad in range(1 + 10 * (hour >= 400), 11 + 10 * (hour >= 400))]
        for hour in range(0, 800, 6)
    ]
    hours = np.random.default_rng(0).permutation(np.linspace(1, 799, queries)).astype(int)
    log = make_sequences(*shown, *([(21, 1, NOW + int(hour) * HOUR_S)] for hour in hours))
    fold = build_test_fold(log, log, CatalogueRows(np.arange(1, 23)), None)
    users = np.arange(len(shown), len(log))
    target = np.where(hours < 400, 1 + hours % 10, 11 + hours % 10)
    last = log.offsets[users]
    condition = fold.condition[users]
    return log, replace(
        fold, users=users, query_ends=last + 1, query_times=log.time[last], condition=condition, target=target
    )


def test_each_group_of_query_times_searches_the_ads_that_live_then() -> None:
    log, fold = plant_halves(120)
    assert fold.target is not None
    pools = choose_pools(whole(log), make_catalogue(22), fold, 10, WEIGHTS, BOTH)
    groups = pools.split(fold.query_times)
    assert [len(own) for own in groups] == [20] * GROUPS
    times = [fold.query_times[own] for own in groups]
    assert all(one.max() < two.min() for one, two in pairwise(times))
    assert [pool.tolist() for pool in pools.rows] == [[*range(1, 11)]] * 3 + [[*range(11, 21)]] * 3
    assert pools.count_inside(fold.query_times, fold.target) == 120
    # A pool of all times holds half of the targets.
    one = Pools(np.empty(0, np.int64), pools.rows[:1])
    assert one.count_inside(fold.query_times, fold.target) == 60
    # The columns of a group are those of its own ads at its own times.
    measured = measure_popularity(whole(log), make_catalogue(22), fold, pools, BOTH)
    every = measure_all(whole(log), make_catalogue(22), fold)
    for popularity, (own, pool) in zip(measured, pools.pair(fold.query_times), strict=True):
        assert popularity.pool.tolist() == pool.tolist()
        assert popularity.slots.queries.sum() == len(own)
        item, at = CatalogueRows(np.tile(pool, (len(own), 1))), fold.query_times[own]
        assert popularity.of(at, item).tolist() == every.of(at, item).tolist()


def test_what_popularity_weighs_decides_who_is_in_the_pool() -> None:
    """One ad is much shown, another is much clicked."""
    events = [[(1, 0, NOW)] * 9, [(2, 1, NOW)] * 5, [(3, 0, NOW)] * 2]
    log = make_sequences(*events)
    fold = build_test_fold(log, log, CatalogueRows(np.arange(1, 12)), None)
    for kind, chosen in ((EVENTS, 1), (CLICKS, 2)):
        weights = {f"{kind} 1 h before": 1.0}
        assert choose_pools(whole(log), make_catalogue(11), fold, 1, weights, BOTH).rows[0].tolist() == [chosen]


def test_a_moment_weighs_as_many_queries_as_are_asked_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ad 1 is shown when ten of sixteen are asked, ad 2 at two other times, when three each are."""
    monkeypatch.setattr(popularity_module, "GROUPS", 1)
    times = NOW + np.array([0] * 10 + [200] * 3 + [400] * 3) * HOUR_S
    log = make_sequences([(1, 0, int(times[0]))] * 9, *([(2, 0, int(time))] * 9 for time in times[[10, 13]]))
    fold = replace(build_test_fold(log, log, CatalogueRows(np.arange(1, 12)), None), query_times=times)
    assert choose_pools(whole(log), make_catalogue(11), fold, 1, WEIGHTS, BOTH).rows[0].tolist() == [1]


@pytest.mark.parametrize(
    ("kinds", "weights"), [((), WEIGHTS), ((), {"values": 1.0}), (BOTH, {"values": 1.0}), (BOTH, {})]
)
def test_where_times_or_popularity_weigh_nothing_the_ads_of_most_events_are_searched(
    kinds: tuple[str, ...], weights: dict[str, float]
) -> None:
    """Ads 5 and 9 have most events, the queries are asked when others have theirs."""
    shown = [[(ad, 0, NOW + 100 * ad * HOUR_S)] * (20 if ad in (5, 9) else 3) for ad in range(1, 13)]
    log = make_sequences(*shown)
    fold = build_test_fold(log, log, CatalogueRows(np.arange(1, 13)), None)
    pools = choose_pools(whole(log), make_catalogue(12), fold, 2, weights, kinds)
    assert [pool.tolist() for pool in pools.rows] == [[5, 9]] * GROUPS


# --- what may be known ---

OWN, NEVER, BURST, LATE = 21, 22, 7, 0  # an ad of one target alone; one of nobody; one that others are shown; the user
KINDS = {"days": Rewind("days", (10_000, 1), NOW, 1), "clicks": Rewind("clicks", (10_000, 1))}


def draw_users(behind: list[Event], others: list[Event]) -> Sequences:
    """User 0 clicks ``OWN`` 20 hours before the reference, and then does what is ``behind``; 80 users click ads 1 to
    20; the last, who clicks nothing, is shown what is in ``others``.
    """
    rng, target = np.random.default_rng(4), NOW - 20 * HOUR_S
    own = [(3, 0, target - 90 * HOUR_S), (4, 1, target - 80 * HOUR_S), (5, 0, target - 60), (OWN, 1, target)]
    drawn = [
        [
            (int(ad), int(step < 4), NOW - int((100 - 24 * step) * HOUR_S) + int(rng.integers(HOUR_S)))
            for step, ad in enumerate(rng.permutation(20)[:6] + 1)
        ]
        for _ in range(80)
    ]
    return make_sequences([*own, *behind], *drawn, others)


def ask(log: Sequences, kind: str) -> tuple[Corpus, Fold]:
    """The hold-out of these users, in which user 0 is asked for ``OWN``."""
    catalogue = make_catalogue(30)
    catalogue.features[NEVER] = catalogue.features[OWN]
    corpus = make_corpus(log, 30, catalogue=catalogue)
    test = build_test_fold(log, log, corpus.candidates, None)
    fold = rewind(log, test, KINDS[kind], 0)[0]
    assert fold.target is not None
    assert (fold.users[LATE], fold.target[LATE]) == (0, OWN)
    return corpus, replace(fold, candidates=corpus.candidates)


def describe_own(corpus: Corpus, fold: Fold) -> dict[int, dict[str, float]]:
    """The columns of every ad at user 0's query."""
    history = fold.history(corpus.train)
    popularity = measure_all(history, corpus.catalogue, fold)
    found = popularity.of(fold.query_times[[LATE]], CatalogueRows(np.arange(1, 31)[None]))[0]
    return {ad: dict(zip(popularity.names, found[ad - 1].tolist(), strict=True)) for ad in range(1, 31)}


@pytest.mark.parametrize("kind", KINDS)
def test_an_ad_that_its_target_alone_shows_is_as_one_that_nobody_saw(kind: str) -> None:
    columns = describe_own(*ask(draw_users([], [(1, 0, NOW + HOUR_S)]), kind))
    assert columns[OWN] == columns[NEVER]
    assert columns[OWN]["unseen"] == 1.0
    assert columns[BURST]["unseen"] == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_user_does_behind_the_own_end_changes_nothing_for_the_own_query(kind: str) -> None:
    at = NOW - 19 * HOUR_S
    behind = [(OWN, 0, at), (BURST, 0, at + 60), *((NEVER, 0, at + 100 + step) for step in range(30))]
    answers = []
    for events in ([], behind):
        corpus, fold = ask(draw_users(events, [(1, 0, NOW + HOUR_S)]), kind)
        tables = fit_fold(corpus, fold, ("counts", "values"))
        search, queries = Search(tables, CONFIG.ranker.features), take_queries(corpus, fold)
        found = answer_queries(search, queries, None, fold.target).best
        answers.append((tables.popularity[0].table.tobytes(), found.rows.tolist(), found.scores.tolist()))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("kind", KINDS)
def test_what_others_do_behind_a_users_end_counts(kind: str) -> None:
    quiet = [(1, 0, NOW + HOUR_S)]
    burst = [(BURST, 0, NOW - 20 * HOUR_S + 60 * step) for step in range(60)]
    without, with_it = (describe_own(*ask(draw_users([], others), kind)) for others in (quiet, [*burst, *quiet]))
    for name in ("events 8 h behind", "events 24 h behind"):
        assert with_it[BURST][name] > without[BURST][name] + 1.0
    assert with_it[BURST]["events 1 h before"] == without[BURST]["events 1 h before"]
    assert with_it[8]["events 8 h behind"] == without[8]["events 8 h behind"]
