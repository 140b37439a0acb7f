"""Names with numbers in them stand in the order of the numbers."""

import random

import pytest

from common.io.natural_order import natural_key


@pytest.mark.parametrize(
    "names",
    [
        ["1-2", "3-5", "6-10", "11-20", "over 20"],
        ["1-5", "6-20", "21-100", "over 100"],
        ["1", "2", "3-4", "5-8", "9-16", "17-32", "33+"],
        ["11-27", "28-100", "101-", "over"],
        ["09-30", "10-31", "11-01"],
        ["day 2", "day 10", "day 11"],
        ["a seen ad", "an unseen ad"],
        ["has booked", "is new"],
    ],
)
def test_names_stand_in_their_natural_order(names: list[str]) -> None:
    shuffled = random.Random(1).sample(names, len(names))
    assert sorted(shuffled, key=natural_key) == names
