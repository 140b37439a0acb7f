"""Names with numbers in them stand in the order of the numbers."""

import random

from common.io.natural_order import natural_key

ORDERED = (
    ["1-2", "3-5", "6-10", "11-20", "over 20"],
    ["1", "2", "3-4", "5-8", "9-16", "17-32", "33+"],
    ["09-30", "10-31", "11-01"],
    ["day 2", "day 10", "day 11"],
    ["a seen ad", "an unseen ad"],
)


def test_names_stand_in_their_natural_order() -> None:
    for names in ORDERED:
        assert sorted(random.Random(1).sample(names, len(names)), key=natural_key) == names
