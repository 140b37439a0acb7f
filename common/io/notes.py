"""What a reader found and settled without stopping."""

from typing import NamedTuple


class Note(NamedTuple):
    """A finding that did not stop the reading: the file, what was found, how often (``rows``), and what was done."""

    file: str
    what: str
    rows: int
    done: str
