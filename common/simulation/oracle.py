"""The oracle: what the best possible answers score on the truth of simulated files, and how sure that is.

A simulator draws every outcome from a distribution that it knows, so that the best answer to each query is known too.
It keeps what that answer earns (``gain``), and what it earns in the mean over the distribution (``expected``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from common.arrays import Floats
from common.day.hosts import REPORT
from common.engine.errors import UserError
from common.learning.metrics import average


@dataclass(frozen=True)
class Oracle:
    """Means over the ``queries`` of the truth, in the competition's metric; ``error``: the standard error of ``score``.

    ``expected``: the score by the chances themselves, free of the luck of the draw. ``details``: further means by name.
    """

    queries: int
    score: float
    error: float
    expected: float
    details: dict[str, float]

    def __str__(self) -> str:
        """One line for the terminal."""
        details = "".join(f", {name} {value:.4f}" for name, value in self.details.items())
        return (
            f"{self.score:.4f} +- {self.error:.4f} on {self.queries:,} queries, expected {self.expected:.4f}{details}"
        )


def summarise(
    gain: Floats, expected: Floats, details: Mapping[str, Floats] | None = None, weight: Floats | None = None
) -> Oracle:
    """The oracle from one entry a query in each array; every mean is 0 where there is no query.

    ``details``: nan where a query does not count in that mean. ``weight``: of the queries, by default 1 each.

    >>> oracle = summarise(np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.3, 0.1]), {"new": np.array([1.0, 0.0, np.nan])})
    >>> oracle.queries, round(oracle.score, 3), round(oracle.error, 3), round(oracle.expected, 3), oracle.details
    (3, 0.333, 0.272, 0.3, {'new': 0.5})
    """
    weights = np.ones(len(gain)) if weight is None else weight
    score, error = average(gain, weights)
    return Oracle(
        queries=len(gain),
        score=score,
        error=error,
        expected=_mean(expected, weights),
        details={name: _mean(values, weights) for name, values in (details or {}).items()},
    )


def _mean(values: Floats, weights: Floats) -> float:
    known = ~np.isnan(values)
    return float(np.average(values[known], weights=weights[known])) if known.any() else 0.0


def read_report(folder: Path) -> dict[str, Any]:
    """What the simulator wrote of the files in ``folder``. ``UserError`` where there is no finished simulation."""
    try:
        return msgspec.json.decode((folder / REPORT).read_bytes(), type=dict[str, Any])
    except (OSError, ValueError) as error:
        raise UserError(f"There is no finished simulation in {folder}; run simulate first.") from error


def read_oracle(folder: Path) -> Oracle:
    """The oracle of the simulated files in ``folder``. ``UserError`` where an earlier version wrote another form."""
    try:
        return msgspec.convert(read_report(folder).get("oracle"), Oracle)
    except msgspec.ValidationError as error:
        raise UserError(f"{folder} was simulated by an earlier version; remove it and simulate again.") from error
