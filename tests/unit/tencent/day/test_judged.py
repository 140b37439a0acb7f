"""The closing summary, by hand: what a fold asks, what retrieval finds, and of whom."""

import numpy as np
import pytest

from competitions.tencent import sequences
from competitions.tencent.corpus import CatalogueRows, Corpus, Int64s
from competitions.tencent.day import judged
from competitions.tencent.day.judged import (
    measure_fold,
    measure_recall,
    measure_times,
    warn_of_difference,
)
from competitions.tencent.sequences import Histories, expand_events, last_times, whole
from competitions.tencent.split import Fold
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences, name_users

HOUR = 3_600
TRAIN = make_sequences([(1, 1, 0), (2, 0, HOUR), (3, 1, 90)], [(2, 0, 30), (3, 0, 3 * HOUR), (4, 1, 95)], [(5, 1, 99)])


def test_the_hold_out_by_hand() -> None:
    """The first two users are asked for their last event, at one and at three hours; the third has no history."""
    candidates, ends = CatalogueRows(np.array([1, 3, 4, 7])), np.array([2, 5, 6])
    corpus = Corpus(make_catalogue(10), TRAIN, name_users(3), TRAIN, name_users(3), candidates, None, ())
    clicks, unseen = np.array([1, 1]), np.array([False, True])
    times, users = np.array([HOUR, 3 * HOUR]), np.array([0, 1])
    fold = Fold(ends, users, ends[:2], times, candidates, clicks, np.array([3, 4]), unseen, clicks.astype(np.int8))
    asked = {
        "fold": "hold-out",
        "training events": 4,
        "queries": 2,
        "history, mean": 2.0,
        "candidates": 4,
        "unseen candidates": 0.5,  # 4 and 7; 4 stands behind an end
        "unseen targets": 0.5,
    }
    assert measure_fold("hold-out", corpus, fold, times=False) == asked
    assert measure_fold("hold-out", corpus, fold, times=True) == asked | {
        "10 % of query times, h": pytest.approx(-0.8),
        "90 % of query times, h": pytest.approx(0.8),
        "others' events within an hour": 0.5,  # of the first user's query the second user's event at second 30
        "others' events within a day": 2.0,
    }


def test_events_of_others_leave_out_a_users_own_where_the_log_has_them() -> None:
    """Three users with one event each at the hours 0, 1 and 30, who are asked then; the log holds the first two."""
    queries = whole(make_sequences([(1, 0, 0)], [(2, 0, HOUR)], [(3, 0, 30 * HOUR)]))
    log, times = queries.take(np.array([0, 1])), last_times(queries)
    near = {known: measure_times(log, queries, times, known=known) for known in (True, False)}
    assert near[True] | {"others' events within an hour": 1.0, "others' events within a day": 1.0} == near[True]
    assert near[False] | {"others' events within an hour": 2.0, "others' events within a day": 2.0} == near[False]


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events were gathered at once, time after time; at most 60 queries and 100 users of the log are taken."""
    sizes = []

    def count_events(histories: Histories) -> tuple[Int64s, Int64s]:
        sizes.append(int(histories.lengths.sum()))
        return expand_events(histories)

    for module in (judged, sequences):
        monkeypatch.setattr(module, "expand_events", count_events)
    monkeypatch.setattr(judged, "SAMPLE", 60)
    monkeypatch.setattr(judged, "SAMPLED_LOG", 100)
    return sizes


def test_of_a_large_log_users_are_sampled_before_their_events_are_gathered(gathered: list[int]) -> None:
    """400 users with two events each in the hour before all are asked: 798 of others."""
    log = whole(make_sequences(*([(1, 0, second), (2, 0, HOUR)] for second in range(400))))
    times = last_times(log)
    row = measure_times(log, log, times, known=True)
    assert row["others' events within a day"] == pytest.approx(798, rel=0.01)
    assert max(gathered) == 200
    assert measure_times(log, log, times, known=True) == row


@pytest.mark.parametrize(("events", "said"), [(50, True), (70, False)])
def test_a_hold_out_that_asks_another_question_is_said(
    events: int, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"queries": 3, "history, mean": 4.0, "candidates": 10}
    warn_of_difference([{**asked, "others' events within a day": count} for count in (events, 100)])
    assert ("others' events within a day 50.0, the test's 100.0" in capsys.readouterr().err) == said


def test_recall_is_by_the_length_of_the_list() -> None:
    recall = measure_recall(np.array([0, 1, 10, 11, 50, 51, 100, 101, 0, 200]))
    assert recall == {"within 10": 0.2, "within 50": 0.4, "within 100": 0.6, "in the list": 0.8}
    assert measure_recall(np.empty(0, np.int64))["in the list"] == 0.0
