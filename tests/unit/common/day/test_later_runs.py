"""A run is compared with an earlier one: what was run after it says nothing of what it changed."""

from pathlib import Path

from common.day.difference import find_partner
from tests.unit.common.day.test_change import QUICK, WHOLE, write_run


def test_a_later_run_is_no_partner(tmp_path: Path) -> None:
    first = write_run(tmp_path, "1", WHOLE, 0.4)
    own = write_run(tmp_path, "2", QUICK, 0.5)
    write_run(tmp_path, "3", QUICK, 0.6)  # more alike, and later
    assert find_partner(own) == first
    assert find_partner(first) is None
