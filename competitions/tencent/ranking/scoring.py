"""A block of queries -> candidates found, their features, the ranker's scores: the same for a run and for a service."""

from dataclasses import dataclass

import numpy as np

from competitions.tencent.corpus import Int64s
from competitions.tencent.model.sparse_history import Floats
from competitions.tencent.ranking.pair_features import Knowledge, describe_pairs, gather_pairs
from competitions.tencent.ranking.ranker import Ranker
from competitions.tencent.ranking.search import Found, Search, search_block

BLOCK = 32  # queries whose candidates are described at once


@dataclass(frozen=True)
class Ready:
    """A fold made ready to be searched and described; ``action`` int64 [queries] that each query says."""

    search: Search
    knowledge: Knowledge
    blocks: tuple[str, ...]
    action: Int64s


def describe_block(ready: Ready, block: Int64s) -> tuple[Int64s, Floats, Floats, tuple[str, ...]]:
    """For consecutive queries: columns of the candidates found, int64 [block, found], the search's scores of these,
    the features float32 [block, found, columns] and their names.
    """
    found = search_block(ready.search, block)
    features, names = describe_found(ready, block, found)
    return ready.search.pool[found[0]], found[1], features, names


def describe_found(ready: Ready, block: Int64s, found: Found) -> tuple[Floats, tuple[str, ...]]:
    """The features of what ``search_block`` found, float32 [block, found, columns], and their names."""
    pairs = gather_pairs(ready.search, block, ready.action[block], found)
    columns = describe_pairs(ready.search, ready.knowledge, pairs, ready.blocks)
    return np.stack([np.asarray(column, np.float32) for column in columns.values()], 2), tuple(columns)


def score_found(ranker: Ranker, scores: Floats, features: Floats) -> Floats:
    """The ranker's scores [block, found]; -inf where the search's ``scores`` are, which are those of seen ads."""
    return np.where(np.isfinite(scores), ranker.score(features), np.float32(-np.inf))
