"""What the best ranking scores on test: realised on the bookings, with standard error, and in expectation."""

import numpy as np
import polars as pl

from common.simulation.oracle import Oracle, summarise
from competitions.flight.metrics import CUTOFF, CUTOFFS, LARGE, SIZES
from competitions.flight.simulator.choice_model import Bookings


def rank_sessions(bookings: Bookings, search: pl.Series) -> pl.DataFrame:
    """By session its ``search`` (which twins share), its ``size``, the oracle's ``rank`` of its booking (ties in file
    order), and how likely the first ``CUTOFF`` have it.
    """
    size = np.diff(bookings.first)
    rows = pl.DataFrame({"session": np.repeat(np.arange(len(size)), size), "probability": bookings.probability})
    rank = rows.select(pl.col("probability").rank("ordinal", descending=True).over("session")).to_series().to_numpy()
    expected = np.add.reduceat(np.where(rank <= CUTOFF, bookings.probability, 0.0), bookings.first[:-1])
    booked = rank[bookings.first[:-1] + bookings.booked].astype(np.int64)
    return pl.DataFrame({"search": search, "size": size, "rank": booked, "expected": expected})


def summarise_ranks(ranks: pl.DataFrame) -> Oracle:
    """HitRate@3 over the scored sessions; beside it at other cut-offs and by class of sizes."""
    scored = ranks.filter(pl.col("size") > LARGE)
    rank, size = scored["rank"].to_numpy(), scored["size"].to_numpy()
    hit = (rank <= CUTOFF).astype(np.float64)
    details = {f"hit_rate@{k}": (rank <= k).astype(np.float64) for k in CUTOFFS}
    for name, (low, high) in SIZES.items():
        details[f"hit_rate@{CUTOFF}[{name}]"] = np.where((size >= low) & (size <= high), hit, np.nan)
    # Sessions of one search (twins) are not independent, but searches are.
    return summarise(hit, scored["expected"].to_numpy(), details, cluster=scored["search"].to_numpy())
