"""The weights of a history's events, computed by hand."""

import numpy as np
import pytest

from competitions.tencent.retrieval.histories import CLICKED, KINDS, LASTING, RECENT, heaviest_events, weigh_events
from competitions.tencent.sequences import whole
from tests.unit.tencent.training_inputs import make_sequences

QUERIES = make_sequences([(1, 0, 0), (2, 1, 1), (3, 0, 2)], [(4, -1, 0)], [(5, 2, 0), (6, 1, 1)])


def test_events_are_padded_at_the_end_and_recent_ones_and_clicks_weigh_more() -> None:
    past = weigh_events(whole(QUERIES), 10)
    assert past.item.tolist() == [[1, 2, 3], [4, 0, 0], [5, 6, 0]]
    assert past.mask.tolist() == [[True, True, True], [True, False, False], [True, True, False]]
    assert past.clicked.tolist() == [[False, True, False], [False, False, False], [True, True, False]]
    assert (past.last_click.tolist(), past.last_position.tolist()) == ([2, 0, 6], [1, -1, 1])
    assert KINDS == ("recent", "clicked", "shown", "now")
    expected = [
        [[RECENT**2, RECENT * CLICKED, 1.0], [0.0, LASTING, 0.0], [LASTING**2, 0.0, 1.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]],  # an action that the host does not give was shown
        [[RECENT * CLICKED, CLICKED, 0.0], [LASTING, 1.0, 0.0], [0.0, 0.0, 0.0]],  # a conversion is a click
    ]
    np.testing.assert_allclose(past.weights[:, :3].numpy(), expected, rtol=1e-6)


def test_what_is_seen_now_counts_by_its_hours_and_a_click_thrice() -> None:
    """Six hours before the last event an event counts a half; how many stand between does not matter."""
    hour = 3_600
    past = weigh_events(
        whole(make_sequences([(1, 0, 0), (2, 1, 6 * hour), (3, 0, 12 * hour), (4, 0, 12 * hour)], [(5, 2, 0)], [])), 10
    )
    now = past.weights[:, KINDS.index("now")].numpy()
    np.testing.assert_allclose(now, [[0.25, 3 / 2, 1.0, 1.0], [3.0, 0.0, 0.0, 0.0], [0.0] * 4], rtol=1e-6)
    assert sorted(heaviest_events(past, 3, "now")[0][0].tolist()) == [2, 3, 4]


def test_of_many_events_the_heaviest_are_chosen() -> None:
    item, weights = heaviest_events(weigh_events(whole(QUERIES), 10), 2)
    chosen = dict(zip(item[0].tolist(), weights[0].tolist(), strict=True))
    assert chosen == pytest.approx({2: RECENT * CLICKED, 3: 1.0})  # the click, and the last before the first
