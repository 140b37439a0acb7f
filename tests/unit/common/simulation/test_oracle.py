"""The oracle's means and errors by hand."""

from pathlib import Path

import numpy as np
import pytest

from common.day.hosts import REPORT
from common.engine.errors import UserError
from common.simulation.oracle import Oracle, read_oracle, summarise

GAIN, EXPECTED = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.5, 0.5, 0.25, 0.25])


def test_means_count_what_is_known_by_its_weight() -> None:
    oracle = summarise(GAIN, EXPECTED, {"new": np.array([1.0, np.nan, np.nan, 0.0]), "old": np.full(4, np.nan)})
    # Deviations of 1/2 each: sqrt(4 * 1/4) / 4.
    assert oracle == Oracle(4, 0.5, 0.25, 0.375, {"new": 0.5, "old": 0.0})
    oracle = summarise(GAIN[1:3], EXPECTED[1:3], {"hit": GAIN[1:3]}, weight=np.array([3.0, 1.0]))
    assert (oracle.score, oracle.details["hit"]) == (0.75, 0.75)
    assert oracle.expected == pytest.approx((3 * 0.5 + 0.25) / 4)
    assert oracle.error == pytest.approx(((3 * 0.25) ** 2 + 0.75**2) ** 0.5 / 4)
    assert summarise(GAIN[:0], GAIN[:0], {"hit": GAIN[:0]}) == Oracle(0, 0.0, 0.0, 0.0, {"hit": 0.0})


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (b'{"oracle": {"mrr5": 0.3}}', "simulated by an earlier version; remove it"),
        *((damaged, "no finished simulation") for damaged in (b"", b"[]", b'{"oracle": {', b'{"a": "\xff"}')),
    ],
)
def test_a_report_that_is_damaged_or_of_an_earlier_form_is_one_sentence(
    tmp_path: Path, report: bytes, sentence: str
) -> None:
    (tmp_path / REPORT).write_bytes(report)
    with pytest.raises(UserError, match=sentence):
        read_oracle(tmp_path)
