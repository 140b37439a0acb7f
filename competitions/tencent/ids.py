"""Numberings of ads that nobody may confuse, as types.

Of single ads, checked when mypy reads and when a function runs: ``Oids``, the host's own numbers of creatives, about 20
billion, in embeddings and submissions; ``Rows``, rows of the ``Catalogue``: a known item's row is its re-id (1 to the
number of known items, the number in sequences and indexer), unseen items stand behind them, row 0 is padding.

Of arrays of any shape, checked by mypy where one space hands over to the next:

    PoolPositions     index into ``Pool.chosen``: the candidates that are searched, the most promising of all
    CandidateIndices  index into ``Fold.candidates``, the host's order; -1 for none. ``chosen[positions]`` gives it
    CatalogueRows     index into ``Catalogue``. ``candidates.rows.values[indices]`` gives it, and ``oid[rows]`` the OID
"""

from dataclasses import dataclass
from typing import NewType

import numpy as np
import numpy.typing as npt

PoolPositions = NewType("PoolPositions", npt.NDArray[np.int64])
CandidateIndices = NewType("CandidateIndices", npt.NDArray[np.int64])
CatalogueRows = NewType("CatalogueRows", npt.NDArray[np.int64])


@dataclass(frozen=True)
class Ids:
    """A column of ids of one kind: int64, one-dimensional."""

    values: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        """Refuse what is no column of whole numbers (``TypeError``)."""
        if not isinstance(self.values, np.ndarray) or self.values.dtype != np.int64 or self.values.ndim != 1:
            raise TypeError(f"{type(self).__name__} takes a one-dimensional int64 array")

    def __len__(self) -> int:
        """How many."""
        return len(self.values)

    def __eq__(self, other: object) -> bool:
        """Equal only to the same numbers of the same kind."""
        return type(other) is type(self) and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]


class Oids(Ids):
    """Original ids."""


class Rows(Ids):
    """Rows of the catalogue."""
