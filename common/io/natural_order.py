"""The order in which a person expects names: 1-2, 3-5, 6-10, 11-20, over 20."""

import re

NUMBER = re.compile(r"(\d+)")


def natural_key(name: object) -> list[tuple[int, int, str]]:
    """A key to sort names by: numbers inside them by their size, and before words."""
    parts = [part for part in NUMBER.split(str(name)) if part]
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
