"""Two channels: neighbours of what a query clicked, by item-to-item tables that are followed from the clicks.

``follow`` works on arrays, as a service calls it for one request; ``score_neighbours`` calls it for the queries of a
fold.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from common.arrays import Floats, lookup_rows
from common.learning.cooccurrence import count_covisits, count_transitions
from common.retrieval import lists
from common.retrieval.lists import Histories, Int64s, Ints, ScoredLists
from common.retrieval.settings import CovisitSettings, FollowSettings, TransitionSettings
from common.time_units import HOUR_MS

FOLLOWED_ROWS = 128  # at once: so few that what they reach stays near the processor
NO_NEIGHBOURS = pl.DataFrame(schema={"item": pl.Int32, "neighbour": pl.Int32, "weight": pl.Float32})


@dataclass(frozen=True)
class NeighbourTable:
    """An item-to-item table as a sparse matrix with a row per item.

    Those of ``sources[i]`` (ids, ascending) are ``neighbours[columns[j]]`` (ids, ascending), by ``weights[j]``,
    for j from ``starts[i]`` to ``starts[i + 1]``.
    """

    sources: NDArray[np.int32]
    neighbours: NDArray[np.int32]
    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    weights: Floats

    @cached_property
    def matrix(self) -> sp.csr_array:
        """(sources, neighbours)."""
        shape = len(self.sources), len(self.neighbours)
        return sp.csr_array((self.weights, self.columns, self.starts), shape=shape)


def index_neighbours(table: pl.DataFrame) -> NeighbourTable:
    """A frame of one row per (item, neighbour) with its weight."""
    ordered = pl.concat([NO_NEIGHBOURS, table.sort("item", maintain_order=True)])
    owner, reached = ordered["item"].to_numpy(), ordered["neighbour"].to_numpy()
    sources, neighbours = np.unique(owner), np.unique(reached)
    starts = np.append(np.searchsorted(owner, sources), len(owner)).astype(np.int32)
    columns = np.searchsorted(neighbours, reached).astype(np.int32)
    return NeighbourTable(sources, neighbours, starts, columns, ordered["weight"].cast(pl.Float64).to_numpy())


@dataclass(frozen=True)
class Followed:
    """The channel fitted: a table, and how it is followed."""

    table: NeighbourTable
    settings: FollowSettings

    def list_items(self, histories: Histories, top: int) -> ScoredLists:
        """The neighbours of each query's last clicks."""
        return follow(histories, self.table, self.settings, top)


def fit_covisits(history: pl.DataFrame, settings: CovisitSettings, seed: int) -> Followed:
    """Count what stands near each other in the log of a user: user, item, time (ms)."""
    del seed
    return Followed(index_neighbours(count_covisits(history, settings)), settings.follow)


def fit_transitions(history: pl.DataFrame, settings: TransitionSettings, seed: int) -> Followed:
    """Count what follows what in the log of a user: user, item, time (ms)."""
    del seed
    table = count_transitions(history, power=settings.power, top=settings.top)
    return Followed(index_neighbours(table), settings.follow)


def score_neighbours(seen: pl.DataFrame, table: pl.DataFrame, settings: FollowSettings, top: int) -> pl.DataFrame:
    """``follow`` for the queries of ``seen`` (query, item, time, back) with a table of (item, neighbour, weight)."""
    ids, histories = lists.gather_histories(seen)
    return lists.lists_to_frame(ids, follow(histories, index_neighbours(table), settings, top))


def follow(histories: Histories, table: NeighbourTable, settings: FollowSettings, top: int) -> ScoredLists:
    """Score the neighbours of what a query saw: sum of weight * decay^back * 0.5^(hours before the last / half-life).

    Only the ``last`` clicks count. Items that the query has seen and those whose score is 0 are left out; the best
    ``top`` a query stay.
    """
    hours = (_last_clicks(histories)[histories.rows] - histories.clicked) / HOUR_MS
    used = histories.back < settings.last
    sources = np.full(used.shape, -1)
    sources[used] = lookup_rows(table.sources, histories.items[used])
    used = sources >= 0
    trust = (settings.decay**histories.back * 0.5 ** (hours / settings.half_life_hours))[used]
    starts, sources = lists.count_up(used)[histories.starts], sources[used].astype(np.int32)
    matrix = table.matrix

    def follow_rows(first: int, end: int) -> ScoredLists:
        own = slice(starts[first], starts[end])
        sums = _add_up((trust[own], sources[own], starts[first : end + 1]), matrix)
        return lists.keep_unseen(sums, table.neighbours, lists.slice_histories(histories, first, end), top)

    ranges = lists.cut_rows(len(histories.times), FOLLOWED_ROWS)
    return lists.join_lists(lists.work_side_by_side(follow_rows, ranges))


def _last_clicks(histories: Histories) -> Int64s:
    """The time of each row's latest click; that of the query where it has none."""
    clicked = np.append(histories.clicked, 0)
    return np.where(histories.sizes > 0, clicked[histories.starts[1:] - 1], histories.times)


def _add_up(sources: tuple[Floats, Ints, Int64s], matrix: sp.csr_array) -> tuple[Int64s, Ints, Floats]:
    """The sums of the matrix' rows by trust: row, column and value of each. ``sources``: trust, rows, and their starts.

    The sums of a row are made in the order of its sources, so they do not depend on the other rows.
    """
    trust, chosen, starts = sources
    own = sp.csr_array((trust, chosen, (starts - starts[0]).astype(np.int32)), shape=(len(starts) - 1, matrix.shape[0]))
    sums = own @ matrix
    return np.repeat(np.arange(len(starts) - 1), sums.indptr[1:] - sums.indptr[:-1]), sums.indices, sums.data
