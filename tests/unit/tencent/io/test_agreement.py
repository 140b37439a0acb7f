"""Times of one log say nothing; those a year off are named."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.time_units import DAY_S
from competitions.tencent.io.reader import compare_files

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
