"""The ten best candidates of each query: kept, joined; and what its user has seen."""

from dataclasses import dataclass, field

import numpy as np

from common.arrays import Singles
from competitions.tencent.corpus import CatalogueRows, Int32s, Int64s
from competitions.tencent.sequences import Histories, expand_events


@dataclass(frozen=True)
class TopK:
    """The best candidates of each query, best first: ``rows`` of the catalogue [queries, top], ``scores`` float32.
    Where fewer candidates are left than ``top``, the row is 0 and the score -inf.
    """

    rows: CatalogueRows
    scores: Singles

    @classmethod
    def empty(cls, queries: int, top: int) -> "TopK":
        """Nothing ranked yet."""
        return cls(CatalogueRows(np.zeros((queries, top), np.int64)), np.full((queries, top), -np.inf, np.float32))

    def put(self, queries: Int64s, rows: CatalogueRows, scores: Singles) -> None:
        """Set some queries to the best of these candidates [queries, n]; one of score -inf does not count."""
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.rows.shape[1]]
        chosen, scores = np.take_along_axis(rows, best, 1), np.take_along_axis(scores, best, 1)
        self.rows[queries, : best.shape[1]] = np.where(np.isfinite(scores), chosen, 0)
        self.scores[queries, : best.shape[1]] = scores


@dataclass(frozen=True)
class FoldAnswers:
    """A fold's queries answered in one way or more: ``ways`` by name, the one that is submitted first.

    ``known_rank`` int64 [queries]: the rank of each target among the candidates retrieved, from 1; 0 where it was
    searched and not retrieved, -1 where it was not in the pool. Empty where the host has the answers.
    """

    ways: dict[str, TopK]
    known_rank: Int64s = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def best(self) -> TopK:
        """The answer that is submitted."""
        return next(iter(self.ways.values()))

    def submit(self, way: str) -> "FoldAnswers":
        """The same with another way first."""
        return FoldAnswers({way: self.ways[way]} | self.ways, self.known_rank)


def find_seen(histories: Histories, index_of_row: Int32s) -> tuple[Int64s, Int64s]:
    """What each query has seen of some ads, query after query: its index, that of the ad. ``index_of_row``: see
    ``number_rows``.

    >>> from competitions.tencent.corpus import Sequences
    >>> log = Sequences(np.array([0, 2, 3]), np.int32([5, 2, 4]), np.int8([1, 0, 1]), np.zeros(3, np.int64))
    >>> seen = find_seen(Histories(log, np.array([0, 1]), np.array([2, 3])), np.array([-1, -1, -1, -1, 0, 1]))
    >>> [part.tolist() for part in seen]  # the first has seen ad 5, the second ad 4
    [[0, 1], [1, 0]]
    """
    event, query = expand_events(histories)
    index = index_of_row[histories.sequences.item[event]]
    return query[index >= 0], index[index >= 0].astype(np.int64)
