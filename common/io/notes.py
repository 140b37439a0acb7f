"""What is odd in raw files and does not stop their reading."""

import re
from collections.abc import Sequence
from typing import NamedTuple


class Note(NamedTuple):
    """An oddity of a raw file: what it is, in how many ``rows``, and what was ``done`` about it, or where it is first.

    >>> Note("seq.jsonl", "user without an event", 2, "line 4").as_row()
    {'where': 'seq.jsonl', 'what': 'user without an event', 'rows': 2, 'done': 'line 4'}
    """

    file: str
    what: str
    rows: int
    done: str = ""

    def as_row(self) -> dict[str, str | int]:
        """The note under the names that it has in a run's record."""
        return {"where": self.file, "what": self.what, "rows": self.rows, "done": self.done}


def pool_notes(notes: Sequence[Note]) -> list[Note]:
    """Notes of one kind as one: those that differ by their file alone, and by numbers in what they say.

    >>> pool_notes([Note("day1.csv", "3 blanks", 3, "kept"), Note("day2.csv", "1 blanks", 1, "kept")])
    [Note(file='day1.csv and 1 more', what='… blanks', rows=4, done='kept')]
    """
    kinds: dict[str, list[Note]] = {}
    for note in notes:
        kinds.setdefault(re.sub(r"\d[\d,.]*", "…", note.what), []).append(note)
    pooled = []
    for kind, alike in kinds.items():
        first, others = alike[0], len(alike) - 1
        what = first.what if len({note.what for note in alike}) == 1 else kind
        more = f" and {others} more" if others else ""
        pooled.append(Note(first.file + more, what, sum(note.rows for note in alike), first.done))
    return pooled
