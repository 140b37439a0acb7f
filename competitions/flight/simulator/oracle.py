"""What the best ranking scores on test: realised on the bookings, with standard error, and in expectation."""

from dataclasses import dataclass

import numpy as np

from common.arrays import Floats, Ints
from common.simulation.oracle import Oracle, summarise
from competitions.flight.metrics import CUTOFF, CUTOFFS, LARGE, SIZES
from competitions.flight.simulator.choice_model import Bookings


@dataclass(frozen=True)
class SessionRanks:
    """One entry a session: its search, its size, the oracle's rank of its booking, the probability of its first k."""

    search: Ints
    size: Ints
    rank: Ints
    probability: Floats  # (sessions, len(CUTOFFS))


def rank_sessions(bookings: Bookings, search: Ints) -> SessionRanks:
    """Rank each session's options by probability, ties in file order; ``search`` (by session) is what twins share."""
    first, probability = bookings.first, bookings.probability
    size = np.diff(first)
    session = np.repeat(np.arange(len(size)), size)
    order = np.lexsort((np.arange(len(probability)), -probability, session))
    rank = np.empty(len(probability), np.int64)
    rank[order] = np.arange(len(probability)) - np.repeat(first[:-1], size) + 1
    expected = [np.add.reduceat(np.where(rank <= k, probability, 0.0), first[:-1]) for k in CUTOFFS]
    return SessionRanks(search, size, rank[first[:-1] + bookings.booked], np.stack(expected, axis=1))


def summarise_ranks(ranks: list[SessionRanks]) -> Oracle:
    """HitRate@3 over the scored sessions; beside it that at the other cut-offs, and by class of sizes."""
    names = ("search", "size", "rank", "probability")
    search, size, rank, probability = (np.concatenate([getattr(chunk, name) for chunk in ranks]) for name in names)
    scored = size > LARGE
    search, size, rank, probability = search[scored], size[scored], rank[scored], probability[scored]
    hit = (rank <= CUTOFF).astype(np.float64)
    details = {f"hit_rate@{k}": (rank <= k).astype(np.float64) for k in CUTOFFS}
    for name, (low, high) in SIZES.items():
        details[f"hit_rate@{CUTOFF}[{name}]"] = np.where((size >= low) & (size <= high), hit, np.nan)
    # Sessions of one search (twins) are not independent, but searches are.
    return summarise(hit, probability[:, CUTOFFS.index(CUTOFF)], details, cluster=search)
