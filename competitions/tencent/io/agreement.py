"""Whether the times of the sequences can be what they are taken for, before anything is fitted on them."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from common.io.agreement import MOST, Dates, Share, compare, note_shares
from common.io.notes import Note
from common.time_units import DAY_S
from competitions.tencent.corpus import Corpus, Int64s

TIMES = "timestamp"


def compare_files(corpus: Corpus) -> tuple[Note, ...]:
    """What disagrees between the times of the sequences to learn from and of the test's."""
    old, new = (pl.Series(each.time[:: max(len(each.time) // MOST, 1)]) for each in (corpus.train, corpus.test))
    notes = compare("sequences of the test", "the others", [Dates(TIMES, old * 1_000, new * 1_000)])
    return (*notes, *note_shares("sequences", list_odd_times(corpus.train.time)))


def list_odd_times(times: Int64s) -> Iterator[Share]:
    """The shares of times that are none, or of another year; of a log whose events are all of one second nothing but
    the order is left.
    """
    ordered = np.sort(times[:: max(len(times) // MOST, 1)])
    gaps = np.diff(ordered)
    if not gaps.any():
        yield Share(f"one {TIMES} for all events, so that only the order is left,", len(times), len(times), 0.5)
        return
    # Of a log without a break no pause takes half of the time that it spans.
    at, span = int(np.argmax(gaps)) + 1, int(ordered[-1] - ordered[0])
    if 2 * gaps[at - 1] > span:
        fewer, days = min(at, len(ordered) - at), gaps[at - 1] // DAY_S
        yield Share(f"{TIMES} apart from the rest by {days:,} days without an event", fewer, len(ordered), 0.01)
