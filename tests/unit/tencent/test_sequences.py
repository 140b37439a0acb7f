"""Histories as padded arrays; the best candidates of each query."""

import numpy as np

from common.arrays import join
from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.sequences import pad, whole
from competitions.tencent.top_k import TopK
from tests.unit.tencent.training_inputs import make_sequences

SEQUENCES = make_sequences([(5, 0, 10), (6, 1, 20), (7, -1, 30)], [], [(8, 1, 40), (9, 0, 50)])


def test_the_last_events_are_laid_out_oldest_first_and_filled_up_behind() -> None:
    padded = pad(whole(SEQUENCES), 2)
    assert padded.item.tolist() == [[6, 7], [0, 0], [8, 9]]
    assert padded.action.tolist() == [[1, -1], [0, 0], [1, 0]]
    assert padded.time.tolist() == [[20, 30], [0, 0], [40, 50]]
    assert padded.mask.tolist() == [[True, True], [False, False], [True, True]]


def test_parts_are_joined_in_order_and_of_equals_the_first_stays_first() -> None:
    one, other = TopK.empty(1, 2), TopK.empty(1, 2)
    one.put(np.array([0]), CatalogueRows(np.array([[7, 8, 9]])), np.array([[1.0, 2.0, 2.0]], np.float32))
    other.put(np.array([0]), CatalogueRows(np.array([[3]])), np.array([[-np.inf]], np.float32))
    assert join([one, other]).rows.tolist() == [[8, 9], [0, 0]]
