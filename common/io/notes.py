"""What is odd in raw files and does not stop their reading."""

from typing import NamedTuple


class Note(NamedTuple):
    """An oddity of a raw file: what it is, in how many ``rows``, and what was done about it."""

    file: str
    what: str
    rows: int
    done: str
