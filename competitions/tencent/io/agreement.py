"""Whether the times of the sequences can be what they are taken for, before anything is fitted on them."""

from collections.abc import Iterator

import polars as pl

from common.io.agreement import MOST, Dates, Share, compare, note_shares
from common.io.notes import Note
from competitions.tencent.corpus import Corpus, Int64s

TIMES = "timestamp"
YEARS = (946_684_800, 4_102_444_800)  # 2000 to 2099, in seconds


def compare_files(corpus: Corpus) -> tuple[Note, ...]:
    """What disagrees between the times of the sequences to learn from and of the test's."""
    old, new = (pl.Series(each.time[:: max(len(each.time) // MOST, 1)]) for each in (corpus.train, corpus.test))
    notes = compare("sequences of the test", "the others", [Dates(TIMES, old * 1_000, new * 1_000)])
    return (*notes, *note_shares("sequences", list_odd_times(corpus.train.time)))


def list_odd_times(times: Int64s) -> Iterator[Share]:
    """The shares of times that are none; of a log whose events are all of one second nothing but the order is left."""
    if len(times) and times.min() == times.max():
        yield Share(f"one {TIMES} for all events, so that only the order is left,", len(times), len(times), 0.5)
    else:
        odd = int(((times < YEARS[0]) | (times >= YEARS[1])).sum())
        yield Share(f"{TIMES} outside 2000 to 2099", odd, len(times), 0.01)
