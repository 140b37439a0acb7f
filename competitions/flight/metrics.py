"""HitRate@k as the organiser scores it: over the sessions of more than ten options, also by their number of options."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints
from common.learning.metrics import average, rank_answers

LARGE = 10  # sessions with more options than this are scored
CUTOFF = 3
CUTOFFS = (1, 3, 5, 10)
SIZES = {"11-27": (11, 27), "28-160": (28, 160), "161+": (161, 1 << 30)}


def classify_size(size: pl.Expr) -> pl.Expr:
    """The class of a session by its number of options, as text."""
    return size.bin_intervals([low for low, _ in SIZES.values()], labels=["up to 10", *SIZES]).cast(pl.String)


def measure(
    scores: Floats, labels: NDArray[np.float32], sizes: NDArray[np.int32], searches: Ints | None = None
) -> dict[str, float]:
    """``measure_ranks`` of the scores of all options; a tie counts against the booked one."""
    return measure_ranks(rank_answers(scores, labels, sizes), sizes, searches)


def measure_ranks(ranks: Ints, sizes: NDArray[Any], searches: Ints | None = None) -> dict[str, float]:
    """HitRate@k of the booked options' ranks (0: none is known) over the sessions with more than ten options, @3 also
    by number of options that occur.

    ``error`` is the standard error of ``hit_rate@3``. ``searches``: the number of each session's search; twin sessions
    share one, and several fits may judge one: it counts as one in the error.
    """
    scored, ranks = sizes > LARGE, np.where(ranks > 0, ranks, np.inf)
    rates = {f"hit_rate@{k}": _mean(ranks[scored] <= k) for k in CUTOFFS}
    hit = ranks <= CUTOFF
    for name, (low, high) in SIZES.items():
        group = hit[(sizes >= low) & (sizes <= high)]
        rates |= {f"hit_rate@3[{name}]": _mean(group)} if len(group) else {}
    own = (np.arange(len(sizes)) if searches is None else searches)[scored]
    _, error = average(hit[scored].astype(np.float64), clusters=own)
    return rates | {"error": error, "searches": len(np.unique(own))}


def _mean(values: Bools) -> float:
    return float(values.mean()) if len(values) else 0.0
