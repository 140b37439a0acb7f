"""What the best ranking scores on test: realised on the bookings, with standard error, and as the law expects."""

from dataclasses import dataclass

import numpy as np

from competitions.flight.simulator.choice_model import Bookings
from competitions.flight.simulator.geography import Floats, Ints

CUTS = (1, 3, 5, 10)
SCORED_FROM = 11  # sessions of more than 10 options count
BANDS = {"11-27": (11, 27), "28-160": (28, 160), "161+": (161, 10**9)}


@dataclass(frozen=True)
class Verdict:
    """One entry a session: its search, its size, the oracle's rank of its booking, the chance of its first k by cut."""

    search: Ints
    size: Ints
    rank: Ints
    chance: Floats  # (sessions, len(CUTS))


@dataclass(frozen=True)
class Oracle:
    """Scores over the sessions of more than 10 options; keys are k, and for HitRate@3 the band of sizes."""

    sessions: int
    hit_rate: dict[str, float]
    standard_error: dict[str, float]
    expected: dict[str, float]
    hit_rate_3_by_size: dict[str, float]
    sessions_by_size: dict[str, int]


def judge(bookings: Bookings, search: Ints) -> Verdict:
    """Rank each session's options by chance, ties in file order; ``search`` tells twins (one value a session)."""
    first, chance = bookings.first, bookings.chance
    size = np.diff(first)
    session = np.repeat(np.arange(len(size)), size)
    order = np.lexsort((np.arange(len(chance)), -chance, session))
    rank = np.empty(len(chance), np.int64)
    rank[order] = np.arange(len(chance)) - np.repeat(first[:-1], size) + 1
    expected = [np.add.reduceat(np.where(rank <= cut, chance, 0.0), first[:-1]) for cut in CUTS]
    return Verdict(search, size, rank[first[:-1] + bookings.booked], np.stack(expected, axis=1))


def summarise(verdicts: list[Verdict]) -> Oracle:
    """Means over the scored sessions."""
    names = ("search", "size", "rank")
    search, size, rank = (np.concatenate([getattr(verdict, name) for verdict in verdicts]) for name in names)
    chance = np.concatenate([verdict.chance for verdict in verdicts])
    scored = size >= SCORED_FROM
    hits = {str(cut): (rank[scored] <= cut).astype(np.float64) for cut in CUTS}
    bands = {name: (size >= low) & (size <= high) for name, (low, high) in BANDS.items()}
    return Oracle(
        sessions=int(scored.sum()),
        hit_rate={cut: _mean(hit) for cut, hit in hits.items()},
        standard_error={cut: standard_error(hit, search[scored]) for cut, hit in hits.items()},
        expected={str(cut): _mean(chance[scored, at]) for at, cut in enumerate(CUTS)},
        hit_rate_3_by_size={name: _mean((rank[band] <= 3).astype(np.float64)) for name, band in bands.items()},
        sessions_by_size={name: int(band.sum()) for name, band in bands.items()},
    )


def standard_error(hits: Floats, search: Ints) -> float:
    """Of the mean of ``hits``, where sessions of one search (twins) are not independent but searches are."""
    if not len(hits):
        return 0.0
    _, cluster = np.unique(search, return_inverse=True)
    return float(np.sqrt((np.bincount(cluster, hits - hits.mean()) ** 2).sum()) / len(hits))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0
