"""Popularity at a query's time: windows beside a plain count; nothing of what the query's own user does next."""

import operator
from dataclasses import replace

import numpy as np
import pytest

from common.time_units import HOUR_S
from competitions.tencent.corpus import CatalogueRows, Corpus, Sequences
from competitions.tencent.features.pair_features import pair_features
from competitions.tencent.features.popularity import (
    BATCH,
    CLICKS,
    EDGES_H,
    EVENTS,
    FLOOR,
    SHRINK,
    SPAN_S,
    cut_batches,
    describe,
    sort_log,
)
from competitions.tencent.io import schema
from competitions.tencent.ranking import answer, join_answers
from competitions.tencent.retrieval import search
from competitions.tencent.sequences import whole
from competitions.tencent.split import Fold, Rewind, build_test_fold, rewind
from tests.unit.tencent.tencent_folds import ask_all, fit_fold
from tests.unit.tencent.training_inputs import CONFIG, make_catalogue, make_corpus, make_sequences

NOW = 2_000 * HOUR_S
BOTH = (EVENTS, CLICKS)
WEIGHTS = {"events 24 h before": 1.0, "events 24 h behind": 1.0, "100 within a day": 1.0}
Event = tuple[int, int, int]


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
    log = sort_log(whole(make_sequences(events[::2], events[1::2])), rows, BOTH)
    for moment in (NOW, NOW + 17 * HOUR_S // 2, NOW - 40 * HOUR_S, NOW + 1):
        columns = describe(log, catalogue, moment)
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
    """It is a column of the ranker, and retrieval can weigh it."""
    corpus = make_corpus(make_sequences([(1, 1, 1), (2, 0, 2)], [(3, 1, 1)]), 11)
    monkeypatch.setattr(search, "describe", lambda log, *rest: {"trend": log.rows / 2, **describe(log, *rest)})
    found, queries = ask_all(corpus, ("values",))
    candidates = found.at(2).retrieve(queries)
    features, names = pair_features(found.tables, candidates, ("popularity",))
    assert features[:, :, names.index("trend")].tolist() == (candidates.item / 2).tolist()


@pytest.mark.parametrize("kinds", [(EVENTS,), BOTH])
def test_the_columns_are_those_of_the_plan_whatever_a_history_holds(kinds: tuple[str, ...]) -> None:
    """Where the whole log has nothing but clicks, they are not counted twice."""
    log = sort_log(whole(make_sequences([(1, 0, 5)])), CatalogueRows(np.array([1, 2])), kinds)
    assert {name.split()[0] for name in describe(log, make_catalogue(3), 5) if name.startswith(BOTH)} == {*kinds}


def test_where_times_only_give_the_order_events_alone_are_counted() -> None:
    log = sort_log(
        whole(make_sequences([(1, 1, 1), (2, 0, 2), (1, 0, 3)], [(3, 1, 1)])), CatalogueRows(np.arange(1, 5)), ()
    )
    assert {name: column.tolist() for name, column in describe(log, make_catalogue(5), 2).items()} == {
        "events in all": np.log1p([2, 1, 1, 0]).tolist()
    }


def test_before_the_first_event_and_in_an_empty_log_every_ad_is_described() -> None:
    rows, catalogue = CatalogueRows(np.arange(1, 5)), make_catalogue(5)
    for events in ([(1, 1, NOW), (2, 0, NOW)], []):
        log = sort_log(whole(make_sequences(events)), rows, BOTH)
        columns = describe(log, catalogue, NOW - 500 * HOUR_S)
        assert all(np.isfinite(column).all() for column in columns.values())
        assert columns["events 72 h before"] == pytest.approx(np.full(4, np.log(FLOOR)))
        assert columns["unseen"].tolist() == [not events, not events, 1, 1]


# --- the moments ---


@pytest.mark.parametrize("most", [125, 40])
def test_queries_of_a_moment_lie_near_each_other(most: int) -> None:
    """Half of them within an hour, the others in a month."""
    rng = np.random.default_rng(0)
    times = np.concatenate([rng.integers(0, HOUR_S, 500), rng.integers(0, 720 * HOUR_S, 500)])
    batches = cut_batches(times, most)
    assert most / 3 < len(batches) <= most
    assert sorted(np.concatenate([batch.rows for batch in batches]).tolist()) == [*range(1_000)]
    spans = [np.ptp(times[batch.rows]) for batch in batches]
    assert max(spans) <= SPAN_S * 2 ** np.ceil(np.log2(2 * 720 * HOUR_S / SPAN_S / most))
    for batch in batches:
        assert times[batch.rows].min() <= batch.moment <= times[batch.rows].max()
        assert len(batch.rows) <= max(BATCH, 2 * 1_000 / most)


def test_of_all_queries_at_one_second_and_of_none() -> None:
    batches = cut_batches(np.full(10_000, 7))
    assert {batch.moment for batch in batches} == {7}
    assert sum(len(batch.rows) for batch in batches) == 10_000
    assert cut_batches(np.empty(0, np.int64)) == []


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
    log = sort_log(fold.history(corpus.train), CatalogueRows(np.arange(1, 31)), BOTH)
    columns = describe(log, corpus.catalogue, int(fold.query_times[LATE]))
    return {ad: {name: float(column[ad - 1]) for name, column in columns.items()} for ad in range(1, 31)}


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
        found = join_answers(fold, [answer(corpus, fold, tables, None, CONFIG.ranker.features)]).best
        answers.append((describe_own(corpus, fold), found.rows.tolist(), found.scores.tolist()))
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
