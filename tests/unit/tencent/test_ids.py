"""Ids of different kinds are never taken for each other."""

import numpy as np
import pytest

from competitions.tencent.corpus import Catalogue
from competitions.tencent.ids import Oids, Rows


def test_equal_only_within_a_kind() -> None:
    values = np.array([3, 1])
    assert Oids(values) == Oids(np.array([3, 1])) != Oids(np.array([3, 2]))
    assert Oids(values) != Rows(values)
    assert len(Oids(values)) == 2


@pytest.mark.parametrize("values", [np.array([1.0]), np.array([1], np.int32), np.array([[1]]), [1]])
def test_no_column_of_whole_numbers(values: object) -> None:
    with pytest.raises(TypeError, match="Oids takes a one-dimensional int64 array"):
        Oids(values)  # type: ignore[arg-type]


def test_rows_of_original_ids() -> None:
    oid = np.array([0, 70, 30, 90, 40, 60])  # three known by re-id, two unseen by original id
    catalogue = Catalogue(oid, np.zeros((6, 13), np.int32), 3, (0,) * 13)
    assert catalogue.rows_of(Oids(np.array([90, 40, 35, 70, 99, 1]))) == Rows(np.array([3, 4, 0, 1, 0, 0]))
    assert catalogue.rows_of(Oids(np.array([], np.int64))) == Rows(np.array([], np.int64))
