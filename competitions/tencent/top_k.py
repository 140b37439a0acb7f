"""The ten best candidates of each query: kept, joined, cleared of what the user has seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.corpus import Floats, Int64s
from competitions.tencent.ids import CandidateIndices
from competitions.tencent.sequences import Histories, blocks

SeenPairs = tuple[Int64s, Int64s]  # row of the query in a block, index of the candidate


@dataclass(frozen=True)
class TopK:
    """The best candidates of each query, best first: ``columns`` [queries, top], ``scores`` float32. Where fewer
    candidates are left than ``top``, the column is -1 and the score -inf.
    """

    columns: CandidateIndices
    scores: Floats

    @classmethod
    def empty(cls, queries: int, top: int) -> "TopK":
        """Nothing ranked yet."""
        return cls(CandidateIndices(np.full((queries, top), -1)), np.full((queries, top), -np.inf, np.float32))

    @classmethod
    def join(cls, parts: Sequence["TopK"]) -> "TopK":
        """Several parts' queries, one after the other."""
        columns = np.concatenate([part.columns for part in parts])
        return cls(CandidateIndices(columns), np.concatenate([part.scores for part in parts]))

    def put(self, queries: Int64s, columns: CandidateIndices, scores: Floats) -> None:
        """Set some queries to the best of these candidates [queries, n]; one of score -inf does not count."""
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.columns.shape[1]]
        chosen, scores = np.take_along_axis(columns, best, 1), np.take_along_axis(scores, best, 1)
        self.columns[queries, : best.shape[1]] = np.where(np.isfinite(scores), chosen, -1)
        self.scores[queries, : best.shape[1]] = scores


@dataclass(frozen=True)
class FoldAnswers:
    """A fold's queries answered in one way or more: ``ways`` by name, the one that is submitted first.

    ``retrieval_rank`` int64 [queries]: the rank of each target among the candidates retrieved, from 1; 0 where it was
    not retrieved. None where every candidate is scored, or the host has the answers.
    """

    ways: dict[str, TopK]
    retrieval_rank: Int64s | None = None

    @property
    def best(self) -> TopK:
        """The answer that is submitted."""
        return next(iter(self.ways.values()))


@dataclass(frozen=True)
class Seen:
    """Who has seen what, as pairs sorted by query: ``starts`` int64 [queries + 1] into ``columns``, indices into the
    candidates that ``find_seen`` was given: all of a fold's, or its pool.
    """

    starts: Int64s
    columns: Int64s

    def of(self, queries: Int64s) -> SeenPairs:
        """The pairs of a block of consecutive queries."""
        first, last = self.starts[queries[0]], self.starts[queries[-1] + 1]
        lengths = np.diff(self.starts[queries[0] : queries[-1] + 2])
        return np.repeat(np.arange(len(queries)), lengths), self.columns[first:last]


def find_seen(histories: Histories, candidates: Int64s, rows: int) -> Seen:
    """What each query has seen of the ``candidates``, rows of a catalogue of so many ``rows``.

    >>> from competitions.tencent.corpus import Sequences
    >>> log = Sequences(np.array([0, 2, 3]), np.int32([5, 2, 4]), np.int8([1, 0, 1]), np.zeros(3, np.int64))
    >>> seen = find_seen(Histories(log, np.array([0, 1]), np.array([2, 3])), np.array([4, 5]), rows=6)
    >>> [part.tolist() for part in seen.of(np.array([0, 1]))]  # the first has seen ad 5, the second ad 4
    [[0, 1], [1, 0]]
    """
    column_of_row = np.full(rows, -1)
    column_of_row[candidates] = np.arange(len(candidates))
    query = np.repeat(np.arange(len(histories)), histories.lengths)
    column = column_of_row[histories.sequences.item[histories.events()]]
    kept = column >= 0
    counts = np.bincount(query[kept], minlength=len(histories))
    return Seen(np.concatenate([[0], np.cumsum(counts)]), column[kept])


@torch.inference_mode()
def rank_all(score: Callable[[Int64s], Tensor], queries: int, seen: Seen, top: int, query_block: int = 512) -> TopK:
    """The best of all candidates: ``score`` (indices of queries) gives [block, candidates]; seen ads never win."""
    best = TopK.empty(queries, top)
    for block in track(list(blocks(queries, query_block)), "retrieving"):
        scores = score(block)
        check_finite(scores)
        row, column = (torch.from_numpy(part).to(scores.device) for part in seen.of(block))
        scores[row, column] = -torch.inf
        ranked = scores.topk(min(top, scores.shape[1]), 1)
        best.put(block, CandidateIndices(ranked.indices.cpu().numpy()), ranked.values.float().cpu().numpy())
    return best


def check_finite(*vectors: Tensor) -> None:
    """Refuse what is no number: a ranking of NaNs would look like a perfect one."""
    if not all(bool(torch.isfinite(part).all()) for part in vectors):
        raise UserError(
            "The model gives vectors that are no numbers, so that nothing can be ranked: training diverged. Lower"
            " its learning rate."
        )
