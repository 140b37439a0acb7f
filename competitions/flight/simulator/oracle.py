"""What the best ranking scores on test: realised on the bookings, with standard error, and in expectation."""

from dataclasses import dataclass

import numpy as np

from common.arrays import Floats, Ints
from competitions.flight.metrics import CUTOFF, CUTOFFS, LARGE, SIZES
from competitions.flight.simulator.choice_model import Bookings


@dataclass(frozen=True)
class SessionRanks:
    """One entry a session: its search, its size, the oracle's rank of its booking, the probability of its first k."""

    search: Ints
    size: Ints
    rank: Ints
    probability: Floats  # (sessions, len(CUTOFFS))


@dataclass(frozen=True)
class Oracle:
    """Scores over the sessions of more than 10 options; keys are k, and for HitRate@3 the class of sizes."""

    sessions: int
    hit_rate: dict[str, float]
    standard_error: dict[str, float]
    expected: dict[str, float]
    hit_rate_3_by_size: dict[str, float]
    sessions_by_size: dict[str, int]


def rank_sessions(bookings: Bookings, search: Ints) -> SessionRanks:
    """Rank each session's options by probability, ties in file order; ``search`` (by session) is what twins share."""
    first, probability = bookings.first, bookings.probability
    size = np.diff(first)
    order = np.lexsort((np.arange(len(probability)), -probability, bookings.session))
    rank = np.empty(len(probability), np.int64)
    rank[order] = np.arange(len(probability)) - np.repeat(first[:-1], size) + 1
    expected = [np.add.reduceat(np.where(rank <= k, probability, 0.0), first[:-1]) for k in CUTOFFS]
    return SessionRanks(search, size, rank[first[:-1] + bookings.booked], np.stack(expected, axis=1))


def summarise(ranks: list[SessionRanks]) -> Oracle:
    """Means over the scored sessions."""
    names = ("search", "size", "rank", "probability")
    search, size, rank, probability = (np.concatenate([getattr(chunk, name) for chunk in ranks]) for name in names)
    scored = size > LARGE
    hits = {str(k): (rank[scored] <= k).astype(np.float64) for k in CUTOFFS}
    classes = {name: (size >= low) & (size <= high) for name, (low, high) in SIZES.items()}
    return Oracle(
        sessions=int(scored.sum()),
        hit_rate={k: _mean(hit) for k, hit in hits.items()},
        standard_error={k: standard_error(hit, search[scored]) for k, hit in hits.items()},
        expected={str(k): _mean(probability[scored, column]) for column, k in enumerate(CUTOFFS)},
        hit_rate_3_by_size={name: _mean((rank[own] <= CUTOFF).astype(np.float64)) for name, own in classes.items()},
        sessions_by_size={name: int(own.sum()) for name, own in classes.items()},
    )


def standard_error(hits: Floats, search: Ints) -> float:
    """Of the mean of ``hits``, where sessions of one search (twins) are not independent but searches are."""
    if not len(hits):
        return 0.0
    _, cluster = np.unique(search, return_inverse=True)
    return float(np.sqrt((np.bincount(cluster, hits - hits.mean()) ** 2).sum()) / len(hits))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0
