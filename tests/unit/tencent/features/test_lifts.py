"""Which value follows which, by pairs of clicks counted by hand."""

import numpy as np
import pytest

from competitions.tencent.corpus import Catalogue
from competitions.tencent.features.lifts import fit_lifts
from competitions.tencent.sequences import whole
from tests.unit.tencent.training_inputs import make_sequences

# Row 0 is padding; rows 1, 2, 3 have the codes 1, 2, 3 of the first feature, row 4 none; the others have no values.
FEATURES = np.zeros((5, 13), np.int32)
FEATURES[1:4, 0] = 1, 2, 3
CATALOGUE = Catalogue(np.arange(5), FEATURES, 4, (3, *[0] * 12))
CLICKS = make_sequences(
    [(1, 1, 0), (2, 0, 1), (3, 2, 2), (2, 1, 3)],  # 1 -> 3, over what was only shown, and 3 -> 2
    [(1, 1, 0), (3, 1, 5)],  # 1 -> 3
    [(2, 1, 0), (1, -1, 1)],  # nothing: an action that the host does not give is no click
    [(1, 1, 0), (4, 1, 1), (2, 1, 2)],  # nothing: 4 has no value
)


def test_pairs_of_consecutive_clicks_are_counted() -> None:
    (lift,) = fit_lifts(whole(CLICKS), CATALOGUE)
    assert lift.known.tolist() == [False, False, True, True, False]  # missing, three values, cold
    more = np.zeros((5, 5))
    more[1, 3], more[3, 2] = np.log(1 + 2 / (20 * 2.5 / 5.5)), np.log(1 + 1 / (20 * 1.5 / 5.5))
    np.testing.assert_allclose(lift.more.toarray(), more, rtol=1e-6)
    np.testing.assert_allclose(lift.never, np.log(20 / (20 + np.array([0, 2, 0, 1, 0]))), rtol=1e-6)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (1, 3, 24.4 / 22),  # (2 + 20 s) / (2 + 20) / s with s = 2.5 / 5.5
        (3, 2, (5.5 / 1.5 + 20) / 21),
        (1, 2, 20 / 22),  # never seen after 1, though clicked: less than chance
        (2, 3, 1.0),  # of 2 nothing is known
        (1, 1, 1.0),  # 1 was never clicked after anything
        (0, 3, 1.0),  # missing
        (1, 0, 1.0),
        (4, 3, 1.0),  # cold
        (1, 4, 1.0),
    ],
)
def test_a_lift_is_shrunk_to_chance(before: int, after: int, expected: float) -> None:
    (lift,) = fit_lifts(whole(CLICKS), CATALOGUE)
    table = lift.of(np.array([2, before]), np.array([[1, 1], [after, 1]]))  # each query has a row
    assert (table.dtype, table[1, 0]) == (np.float32, pytest.approx(np.log(expected), abs=1e-6))
