"""Three numberings of ads that nobody may confuse, as three types; a fourth, the row, is our own.

``Oid``: the host's own number of a creative, about 20 billion; embeddings and submissions speak of it.
``Rid``: the re-id from 1 to the number of known items; sequences and the indexer speak of it. 0 is padding.
``RetrievalId``: the place 0..N-1 in the candidate file.
``Row``: the place in ``Catalogue``: a known item's row is its re-id, unseen items stand behind them, row 0 is padding.

Scalars are told apart by ``NewType``, columns by a class each: a function that takes ``Rids`` refuses ``Oids``, when
mypy reads it and when it runs.
"""

from dataclasses import dataclass
from typing import Any, NewType

import numpy as np
import numpy.typing as npt

Oid = NewType("Oid", int)
Rid = NewType("Rid", int)
RetrievalId = NewType("RetrievalId", int)
Row = NewType("Row", int)


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

    def take(self, places: npt.NDArray[Any]) -> "Ids":
        """These places, of the same kind."""
        return type(self)(self.values[places])


class Oids(Ids):
    """Original ids."""


class Rids(Ids):
    """Re-ids."""


class RetrievalIds(Ids):
    """Places in the candidate file."""


class Rows(Ids):
    """Rows of the catalogue."""
