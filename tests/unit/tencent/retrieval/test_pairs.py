"""The counter of pairs: its parts. What it counts is compared with loops where tables are made of it."""

import numpy as np
import pytest
import scipy.sparse as sp

from competitions.tencent.retrieval.pairs import PairSettings, sum_pairs
from competitions.tencent.retrieval.sparse_history import flatten_log
from tests.unit.tencent.training_inputs import draw_log


@pytest.mark.parametrize("most", [1, 30, 300])
def test_parts_of_any_size_are_the_rows_of_one_table_without_the_neighbours_that_do_not_count(most: int) -> None:
    settings = PairSettings(reach=4, gap_decay=0.7, backward=0.3)
    log = flatten_log(draw_log(60, 6, seed=3), settings.weights)
    (_, table), *_ = sum_pairs(log, settings, log.item, (9, 9))
    columns = np.where(log.item == 2, -1, log.item)
    parts = [*sum_pairs(log, settings, columns, (9, 9), most)]
    assert len(parts) > 1
    assert [first for first, _ in parts] == [0, *np.cumsum([part.shape[0] for _, part in parts])[:-1]]
    kept = np.arange(9) != 2
    np.testing.assert_allclose(sp.vstack([part for _, part in parts]).toarray(), table.toarray() * kept, rtol=1e-6)
