"""Times of one log say nothing; times that are none, or a year off, are named."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.time_units import DAY_S
from competitions.tencent.io.agreement import compare_files

TIMES = 1_747_000_000 + np.arange(0, 20 * DAY_S, 3_600, dtype=np.int64)


def say(train: Any, test: Any) -> list[str]:
    corpus: Any = SimpleNamespace(train=SimpleNamespace(time=train), test=SimpleNamespace(time=test))
    return [note.what for note in compare_files(corpus)]


def test_times_of_one_log_say_nothing() -> None:
    assert say(TIMES, TIMES) == []
    assert say(TIMES, TIMES + 20 * DAY_S) == []


@pytest.mark.parametrize("days", [-365, 365])
def test_sequences_of_another_year_are_named(days: int) -> None:
    (what,) = say(TIMES, TIMES + days * DAY_S)
    assert what.startswith("timestamp: quartiles ")
    assert what.endswith(f"365 days {'later' if days > 0 else 'earlier'}")


def test_times_that_are_none_are_named() -> None:
    assert say(TIMES * 0, TIMES * 0) == [
        f"one timestamp for all events, so that only the order is left, in 100% of {len(TIMES)} rows"
    ]


@pytest.mark.parametrize(("share", "seconds"), [(10, -1_747_000_000), (2, -365 * DAY_S)])
def test_times_of_another_year_in_part_of_the_log_are_named(share: int, seconds: int) -> None:
    some = TIMES + np.where(np.arange(len(TIMES)) % share == 0, seconds, 0)
    (what,) = say(some, some)
    assert what.startswith("timestamp apart from the rest by ")
    assert what.endswith(f"days without an event in {1 / share:.0%} of 480 rows")
