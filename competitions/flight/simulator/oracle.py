"""What the best ranking scores on test: realised on the bookings, with standard error, and in expectation."""

from dataclasses import dataclass

import numpy as np

from common.arrays import Floats, Ints, take
from common.simulation.oracle import Oracle, summarise
from competitions.flight.metrics import CUTOFF, CUTOFFS, LARGE, SIZES
from competitions.flight.simulator.choice_model import Bookings


@dataclass(frozen=True)
class SessionRanks:
    """One entry a session: its search, its size, the oracle's rank of its booking, the chance that the first
    ``CUTOFF`` have it.
    """

    search: Ints
    size: Ints
    rank: Ints
    expected: Floats


def rank_sessions(bookings: Bookings, search: Ints) -> SessionRanks:
    """Rank each session's options by probability; ``search`` (by session) is what twins share."""
    first, probability = bookings.first, bookings.probability
    rank, booked = rank_rows(probability, first), first[:-1] + bookings.booked
    expected = np.add.reduceat(np.where(rank <= CUTOFF, probability, 0.0), first[:-1])
    return SessionRanks(search, np.diff(first), rank[booked], expected)


def rank_rows(probability: Floats, first: Ints) -> Ints:
    """The rank of each row in its session, 1 the likeliest; ties in file order."""
    size = np.diff(first)
    session = np.repeat(np.arange(len(size)), size)
    rank = np.empty(len(probability), np.int64)
    rank[np.lexsort((-probability, session))] = np.arange(len(probability)) - np.repeat(first[:-1], size) + 1
    return rank


def summarise_ranks(ranks: SessionRanks) -> Oracle:
    """HitRate@3 over the scored sessions; beside it at other cut-offs and by class of sizes."""
    scored = take(ranks, ranks.size > LARGE)
    hit = (scored.rank <= CUTOFF).astype(np.float64)
    details = {f"hit_rate@{k}": (scored.rank <= k).astype(np.float64) for k in CUTOFFS}
    for name, (low, high) in SIZES.items():
        details[f"hit_rate@{CUTOFF}[{name}]"] = np.where((scored.size >= low) & (scored.size <= high), hit, np.nan)
    # Sessions of one search (twins) are not independent, but searches are.
    return summarise(hit, scored.expected, details, cluster=scored.search)
