"""Co-visits at the query's time, against plain loops and on a log whose pairs change from day to day."""

import numpy as np
import pytest

from competitions.tencent.corpus import CatalogueRows, Sequences
from competitions.tencent.retrieval import covisits
from competitions.tencent.retrieval.channel import log_share
from competitions.tencent.retrieval.covisits import BACKWARD, CHANNEL, FADE, NAME, REACH, SOURCES, closeness, fit
from competitions.tencent.retrieval.sparse_history import EVENT_WEIGHTS
from competitions.tencent.sequences import Histories, whole
from tests.unit.tencent.tencent_folds import make_queries
from tests.unit.tencent.training_inputs import draw_log, make_catalogue

ITEMS = 9
ROWS = CatalogueRows(np.array([2, 3, 5, 8, 9]))


def draw_timed_log(seed: int) -> Histories:
    """Users of 1 to 12 events of any action, minutes to days apart."""
    log, rng = draw_log(60, ITEMS, seed).sequences, np.random.default_rng(seed)
    steps = np.exp(rng.uniform(3, 11, len(log.time))).astype(np.int64)
    begins = rng.integers(0, 9 * 86_400, len(log))
    time = np.concatenate(
        [begin + np.cumsum(part) for begin, part in zip(begins, np.split(steps, log.offsets[1:-1]), strict=True)]
    )
    return whole(Sequences(log.offsets, log.item, log.action, time))


def score(history: Histories, queries: Histories) -> np.ndarray:
    table = fit(history, make_catalogue(ITEMS))
    return table.prepare(ROWS, 0.0)(make_queries(queries, events=20))[NAME]


def score_by_loops(history: Histories, queries: Histories) -> np.ndarray:
    """The docstring of ``score_block``, read aloud."""
    log, table = history.sequences, np.zeros((len(queries), ITEMS + 1))
    value = np.where(log.action >= 1, EVENT_WEIGHTS.clicked, EVENT_WEIGHTS.shown)
    parts = [range(*log.offsets[user : user + 2]) for user in range(len(log))]
    for query, (user, stop) in enumerate(zip(queries.users, queries.ends, strict=True)):
        past = list(range(log.offsets[user], stop))[::-1]
        for back, source in enumerate(past[:SOURCES]):
            end = log.time[past[0]]
            for part in parts:
                for first, visit in enumerate(part):
                    if log.item[visit] != log.item[source]:
                        continue
                    for second, other in enumerate(part):
                        gap = second - first
                        if 0 < abs(gap) <= REACH:
                            table[query, log.item[other]] += (
                                FADE**back
                                * closeness(end - log.time[source])
                                * closeness(log.time[visit] - end)
                                * closeness(log.time[other] - log.time[visit])
                                * (BACKWARD if gap < 0 else 1.0)
                                / abs(gap)
                                * value[other]
                            )
    return table[:, ROWS]


def test_scores_are_those_of_plain_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covisits, "VISITS", 10_000)  # all of them, also of the ads before the last one
    history = draw_timed_log(3)
    queries = history.take(np.arange(20))
    np.testing.assert_allclose(score(history, queries), log_share(score_by_loops(history, queries)), atol=1e-4)


def test_what_was_shown_speaks_where_nothing_was_clicked() -> None:
    """Of a large log ``counts`` takes the clicks alone; here all events are looked up, whatever it counts."""
    history = two_days()
    log = history.sequences
    shown = whole(Sequences(log.offsets, log.item, np.zeros_like(log.action), log.time))
    asked = np.array([60, 61])
    found = score(shown, shown.take(asked))
    assert ROWS[found.argmax(1)].tolist() == [3, 5]
    assert "counted" not in CHANNEL.takes


def two_days() -> Histories:
    """Thirty users click ad 3 a minute behind ad 1 on one day, thirty ad 5 ten days on; two of ad 1 alone, of either
    day, are asked.
    """
    item = np.array([1, 3] * 30 + [1, 5] * 30 + [1, 1])
    time = np.concatenate([np.arange(60) * 60, 864_000 + np.arange(60) * 60, [1_800], [865_800]])
    return whole(Sequences(np.append(np.arange(0, 121, 2), [121, 122]), item, np.ones(122, np.int8), time))


def test_the_visits_nearest_in_time_are_looked_up() -> None:
    history = two_days()
    table = fit(history, make_catalogue(ITEMS))
    source, visit = table.find_visits(np.array([1, 7, 1]), np.array([865_810] * 3), np.array([2, 2, 1]))
    assert source.tolist() == [0] * 4 + [2] * 2  # nobody has seen ad 7
    assert sorted(table.time[visit[:4]].tolist()) == [865_800, 865_800, 865_920, 866_040]  # the first: who asks
    assert sorted(table.time[visit[4:]].tolist()) == [865_800, 865_920]
    assert (table.log.item[visit] == 1).all()
