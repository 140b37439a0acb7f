"""The channel ``counts``: which ad stands near which in a history; tables without anything learned.

The counts are those of item-based neighbourhood methods (Sarwar et al. 2001, "Item-based collaborative filtering
recommendation algorithms"; for sequences: Garg et al. 2019, "Sequence and time aware neighborhood for session-based
recommendations"): distance in the history, direction, popularity of both ends and recency are weighed apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from common.arrays import Singles
from competitions.tencent.corpus import Catalogue, CatalogueRows, Int32s, Int64s, number_rows
from competitions.tencent.retrieval import sparse_history as sparse
from competitions.tencent.retrieval.channel import Channel, Tables
from competitions.tencent.retrieval.pairs import PairSettings, sum_pairs
from competitions.tencent.sequences import Histories

FULL = 10  # a table with one cell in so many filled is multiplied as a dense one
AFFORDABLE_PAIRS = 20_000_000  # seconds; of a log with more the clicks alone are counted


@dataclass(frozen=True, kw_only=True)
class CountSettings(PairSettings):
    """What is made of the pairs of ads. The defaults are those of a log whose events are all counted.

    What the pairs of two ads count, added up, is divided by events(ad)^``source_power`` and
    events(neighbour)^``target_power`` and raised to ``concavity``; the ``top`` neighbours of each ad are kept. A query
    is the sum of its last ``history`` events (0 for all), an event with ``a`` events behind it weighing ``fade``^a.
    ``from_attributes`` adds the counts of all ads that share attributes with those of the history, ``to_attributes``
    lets scores spread to ads that share attributes.

    ``lift``, where it is not 0, replaces powers and concavity: a pair that counts c, where chance would have e, gives
    log((c + lift) / (e + lift)), no less than 0. Summed over a history that is, but for what is rarer than by chance,
    the naive Bayes estimate of log P(ad | history) / P(ad).
    """

    reach: int = 60
    gap_decay: float = 0.6
    backward: float = 0.2
    source_power: float = 0.45
    target_power: float = 0.1
    concavity: float = 0.7
    top: int = 5_000
    history: int = 0
    fade: float = 0.6
    from_attributes: float = 1.0
    to_attributes: float = 0.3
    lift: float = 0.0
    weights: sparse.ActionWeights = sparse.EVENT_WEIGHTS


FEATURE_COUNTS, PLAIN_COUNTS, LAST_COUNTS = "counts with features", "counts of the ads", "counts of the last ad"
LIFTED_COUNTS = "lift of the ads"
# The ranker's three tables: as above, without attributes, and that from the last event alone.
WHOLE = CountSettings()
PLAIN = replace(WHOLE, from_attributes=0.0, to_attributes=0.0)
RANKER_COUNTS = {FEATURE_COUNTS: WHOLE, PLAIN_COUNTS: PLAIN, LAST_COUNTS: replace(PLAIN, history=1)}
# The same of a log that is too large for them: of clicks, which are one event in ten, a few neighbours each.
CLICKED = replace(PLAIN, reach=10, top=200, weights=sparse.CLICK_WEIGHTS)
LIFTED = replace(CLICKED, reach=50, gap_decay=0.0, backward=1.0, fade=1.0, lift=1.0)
CLICK_COUNTS = {PLAIN_COUNTS: CLICKED, LAST_COUNTS: replace(CLICKED, history=1), LIFTED_COUNTS: LIFTED}
COUNTED = {"events": RANKER_COUNTS, "clicks": CLICK_COUNTS}


def count_pairs(lengths: Int64s, reach: int = WHOLE.reach) -> int:
    """How many pairs of events the tables of all events count, either way, in histories of these ``lengths``.

    >>> count_pairs(np.array([4, 1]), reach=2)  # of four events 0-1, 0-2, 1-2, 1-3, 2-3 and back; of one none
    10
    """
    near = np.minimum(lengths, reach + 1)  # events that have all those before them within reach
    return int((near * (near - 1) + 2 * (lengths - near) * reach).sum())


@dataclass(frozen=True)
class Counts:
    """``neighbours`` csr float32 [rows, targets]: the co-occurrence of an ad (row) with another (column).

    ``attributes`` csr [rows, values] as in ``attribute_matrix``; ``by_value`` csr [values, targets]: that of all
    ads with an attribute, None where ``from_attributes`` is 0. ``targets``: the rows of the catalogue that are columns,
    ascending.
    """

    neighbours: sparse.Sparse
    attributes: sparse.Sparse
    by_value: sparse.Sparse | None
    settings: CountSettings
    targets: Int64s

    def prepare_sums(self, candidates: CatalogueRows) -> Callable[[Histories], Singles]:
        """See ``Sums``; an ad that is no target has what its attributes give it.

        Smoothed through attributes A, scores s become s + ``to_attributes`` * s A A': an ad gains from what all ads
        with its attributes were given, an unseen one too. With ``from_attributes`` a query takes 4 bytes a target on
        the way, else 12 a neighbour.
        """
        settings, rows, neighbours = self.settings, self.neighbours.shape[0], unpack_full(self.neighbours)
        by_value = None if self.by_value is None else unpack_full(self.by_value)
        index = number_rows(self.targets, rows)[candidates]
        smoothed = bool(settings.to_attributes and self.attributes.shape[1])
        # Picked once: of 60,000 rows that takes as long as a block of queries.
        shared = [self.attributes[each] for each in (self.targets, candidates)] if smoothed else []

        def score(queries: Histories) -> Singles:
            seen = sparse.weight_histories(queries, rows, settings.weights, settings.fade, settings.history)
            scores = seen @ neighbours
            if by_value is not None:  # nearly every ad gets something: dense is faster from here on
                scores = as_dense(scores)
                scores += np.float32(settings.from_attributes) * as_dense((seen @ self.attributes) @ by_value)
            given = as_dense(scores @ shared[0]) if shared else None
            own = take_columns(scores, index)
            if given is not None:
                own += np.float32(settings.to_attributes) * (shared[1] @ given.T).T
            return own

        return score


def fit(history: Histories, catalogue: Catalogue, candidates: CatalogueRows, counted: str) -> Tables:
    """Co-occurrence in these histories with the candidates. ``counted``: which tables of ``COUNTED``."""
    settings, attributes = COUNTED[counted], sparse.attribute_matrix(catalogue)
    tables = fit_all_counts(history, catalogue, attributes, tuple(settings.values()), candidates)
    return Tables(dict(zip(settings, tables, strict=True)), logs=(LIFTED_COUNTS,))


def fit_all_counts(
    histories: Histories,
    catalogue: Catalogue,
    attributes: sparse.Sparse,
    settings: Sequence[CountSettings],
    targets: Int64s,
) -> tuple[Counts, ...]:
    """A table for each of the settings; those that differ in what they do with a query share one count."""
    targets, fitted = np.unique(targets), []
    tables: dict[CountSettings, sparse.Sparse] = {}
    for each in settings:
        counted = replace(each, history=0, fade=1.0, from_attributes=0.0, to_attributes=0.0)
        if counted not in tables:
            tables[counted] = count_neighbours(histories, len(catalogue.oid), counted, targets)
        has_values = each.from_attributes and attributes.shape[1]
        by_value = sp.csr_array(attributes.T @ tables[counted]) if has_values else None
        fitted.append(Counts(tables[counted], attributes, by_value, each, targets))
    return tuple(fitted)


def count_neighbours(histories: Histories, rows: int, settings: CountSettings, targets: Int64s) -> sparse.Sparse:
    """The table of neighbours, csr float32 [rows, targets], at most 8 * ``top`` bytes an ad."""
    log = sparse.flatten_log(histories, settings.weights)
    count, columns = np.bincount(log.item, minlength=rows), number_rows(targets, rows)[log.item]
    parts = []
    for first, part in sum_pairs(log, settings, columns, (rows, len(targets))):
        ad, neighbour = first + sparse.index_rows(part), targets[part.indices]
        if settings.lift:
            expected = count[ad] * (count[neighbour] / max(len(histories), 1))
            weight = np.maximum(np.log((part.data + settings.lift) / (expected + settings.lift)), 0.0)
        else:
            power = np.maximum(count, 1.0)
            weight = part.data * (power**-settings.source_power)[ad] * (power**-settings.target_power)[neighbour]
            weight **= settings.concavity
        part.data = np.where(ad == neighbour, 0.0, weight).astype(np.float32)  # no pairs of an ad with itself
        part.eliminate_zeros()
        parts.append(keep_top(part, settings.top))
    return sp.vstack(parts, format="csr")


def unpack_full(table: sparse.Sparse) -> sparse.Sparse | Singles:
    """As numpy where one cell in ``FULL`` is filled: a product of a query with it then takes a tenth of the time."""
    cells = table.shape[0] * table.shape[1]
    return np.asarray(table.toarray()) if table.nnz * FULL >= cells > 0 else table


def keep_top(table: sparse.Sparse, top: int) -> sparse.Sparse:
    """The ``top`` largest entries of each row, of equals the first columns.

    >>> keep_top(sp.csr_array(np.float32([[5, 0, 7, 5], [0, 1, 0, 0]])), 2).toarray().tolist()
    [[5.0, 0.0, 7.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
    """
    lengths = np.diff(table.indptr)
    if lengths.max(initial=0) <= top:
        return table
    row = sparse.index_rows(table)
    order = np.lexsort((-table.data, row))  # stable: the columns of a row ascend
    kept = np.sort(order[np.arange(len(row)) - table.indptr[row] < top])
    shorter = np.concatenate([[0], np.cumsum(np.minimum(lengths, top))]).astype(table.indptr.dtype)
    return sp.csr_array((table.data[kept], table.indices[kept], shorter), table.shape)


def take_columns(table: sparse.Sparse | Singles, index: Int32s) -> Singles:
    """Columns of a table as a dense matrix, 0 for an ``index`` of -1; the table itself where these are all, in order.

    >>> take_columns(np.float32([[1, 2, 3]]), np.int32([2, -1])).tolist()
    [[3.0, 0.0]]
    """
    if np.array_equal(index, np.arange(table.shape[1])):  # as a fold's own pool has it
        return as_dense(table)
    known = np.flatnonzero(index >= 0)
    taken = np.zeros((table.shape[0], len(index)), np.float32)
    taken[:, known] = as_dense(table[:, index[known]])
    return taken


def as_dense(table: sparse.Sparse | Singles) -> Singles:
    """As a dense matrix."""
    return table if isinstance(table, np.ndarray) else np.asarray(table.toarray())


CHANNEL = Channel(
    "counts",
    fit,
    ("history", "catalogue", "candidates", "counted"),
    (FEATURE_COUNTS, PLAIN_COUNTS, LAST_COUNTS, LIFTED_COUNTS),
)
