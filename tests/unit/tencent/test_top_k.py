"""The best candidates of each query."""

import numpy as np

from common.arrays import join
from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.top_k import TopK


def test_parts_are_joined_in_order_and_of_equals_the_first_stays_first() -> None:
    one, other = TopK.empty(1, 2), TopK.empty(1, 2)
    one.put(np.array([0]), CatalogueRows(np.array([[7, 8, 9]])), np.array([[1.0, 2.0, 2.0]], np.float32))
    other.put(np.array([0]), CatalogueRows(np.array([[3]])), np.array([[-np.inf]], np.float32))
    assert join([one, other]).rows.tolist() == [[8, 9], [0, 0]]
