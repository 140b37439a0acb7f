"""The ten best candidates of each query: kept, joined; and what its user has seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.arrays import Singles
from competitions.tencent.corpus import Int64s
from competitions.tencent.ids import CandidateIndices
from competitions.tencent.sequences import Histories

SeenPairs = tuple[Int64s, Int64s]  # row of the query in a block, index of the candidate


@dataclass(frozen=True)
class TopK:
    """The best candidates of each query, best first: ``columns`` [queries, top], ``scores`` float32. Where fewer
    candidates are left than ``top``, the column is -1 and the score -inf.
    """

    columns: CandidateIndices
    scores: Singles

    @classmethod
    def empty(cls, queries: int, top: int) -> "TopK":
        """Nothing ranked yet."""
        return cls(CandidateIndices(np.full((queries, top), -1)), np.full((queries, top), -np.inf, np.float32))

    @classmethod
    def join(cls, parts: Sequence["TopK"]) -> "TopK":
        """Several parts' queries, one after the other."""
        columns = np.concatenate([part.columns for part in parts])
        return cls(CandidateIndices(columns), np.concatenate([part.scores for part in parts]))

    def put(self, queries: Int64s, columns: CandidateIndices, scores: Singles) -> None:
        """Set some queries to the best of these candidates [queries, n]; one of score -inf does not count."""
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.columns.shape[1]]
        chosen, scores = np.take_along_axis(columns, best, 1), np.take_along_axis(scores, best, 1)
        self.columns[queries, : best.shape[1]] = np.where(np.isfinite(scores), chosen, -1)
        self.scores[queries, : best.shape[1]] = scores


@dataclass(frozen=True)
class FoldAnswers:
    """A fold's queries answered in one way or more: ``ways`` by name, the one that is submitted first.

    ``retrieval_rank`` int64 [queries]: the rank of each target among the candidates retrieved, from 1; 0 where it was
    not retrieved. None where the host has the answers.
    """

    ways: dict[str, TopK]
    retrieval_rank: Int64s | None = None

    @property
    def best(self) -> TopK:
        """The answer that is submitted."""
        return next(iter(self.ways.values()))

    @property
    def known_rank(self) -> Int64s:
        """``retrieval_rank`` of a fold with known targets."""
        assert self.retrieval_rank is not None, "the host has the answers"
        return self.retrieval_rank


def find_seen(histories: Histories, column_of_row: Int64s) -> SeenPairs:
    """What each query has seen of some candidates, query after query. ``column_of_row``: of each row of the catalogue
    the candidate's column, -1 for none.

    >>> from competitions.tencent.corpus import Sequences
    >>> log = Sequences(np.array([0, 2, 3]), np.int32([5, 2, 4]), np.int8([1, 0, 1]), np.zeros(3, np.int64))
    >>> seen = find_seen(Histories(log, np.array([0, 1]), np.array([2, 3])), np.array([-1, -1, -1, -1, 0, 1]))
    >>> [part.tolist() for part in seen]  # the first has seen ad 5, the second ad 4
    [[0, 1], [1, 0]]
    """
    query = np.repeat(np.arange(len(histories)), histories.lengths)
    column = column_of_row[histories.sequences.item[histories.events()]]
    return query[column >= 0], column[column >= 0]


def number_columns(candidates: Int64s, rows: int) -> Int64s:
    """The column of each row of a catalogue of so many ``rows`` among the ``candidates``, -1 for none."""
    columns = np.full(rows, -1)
    columns[candidates] = np.arange(len(candidates))
    return columns
