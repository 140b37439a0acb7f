"""Conditional (multinomial) logit: the classical model of one choice out of a set (McFadden 1974).

A row's utility is a weighted sum of its features, a query's choice is the softmax of its rows' utilities. Fitted by
maximum likelihood with a ridge penalty. Training queries thinned by negatives drawn evenly leave the weights
consistent (McFadden 1978, "Modelling the choice of residential location").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats, Singles
from common.learning.dataset import Matrix, RankingDataset, take_columns
from common.learning.listwise_softmax import Labels, Sizes, find_starts, log_likelihoods, softmax_gradients
from common.optimise import Bounds, minimise

CLIP = 5.0
CHUNK_ROWS = 4_096  # small enough for a chunk to stay in the processor's cache between its two products


@dataclass(frozen=True)
class Standardiser:
    """How d features enter a model that adds them up: less ``centre`` (d,), by ``scale`` (d,), clipped.

    ``valued`` holds the columns of the features that enter by value, ``flagged`` of those that enter as 1
    where missing.
    """

    centre: Matrix
    scale: Matrix
    valued: NDArray[np.int64]
    flagged: NDArray[np.int64]

    def standardise(self, features: Matrix, clip: float = CLIP) -> Matrix:
        """The columns that count of rows (n, d): values within +-``clip``, 0 where missing; then indicators."""
        values = features[:, self.valued]
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is clipped, what is missing is replaced
            standard = (values - self.centre[self.valued]) / self.scale[self.valued]
        standard = np.where(np.isfinite(values), np.clip(standard, -clip, clip), np.float32(0))
        return np.hstack([standard, (~np.isfinite(features[:, self.flagged])).astype(np.float32)])


def fit_standardiser(features: Matrix) -> Standardiser:
    """Mean and deviation of the finite values of each column (n, d); all enter by value, and by an indicator those that
    are missing anywhere.

    >>> fit_standardiser(np.float32([[1, np.nan], [3, 2]])).standardise(np.float32([[1, np.nan]])).tolist()
    [[-1.0, 0.0, 1.0]]
    """
    centre, scale, known = _compute_moments(features)
    return Standardiser(centre, scale, np.arange(len(centre)), np.flatnonzero(known < len(features)))


@dataclass(frozen=True)
class Logit(Standardiser):
    """A fitted model: the ``names`` of the d features, and ``weights``, a number for each column of the standardiser,
    in their order.
    """

    weights: Floats
    names: tuple[str, ...]

    def predict(self, names: Sequence[str], features: Matrix) -> NDArray[np.float64]:
        """Utilities of rows (n, d): (n,). Other ``names`` than those of the fit are refused by a ``ColumnsError``."""
        features = take_columns(names, features, self.names, None, "What the conditional logit is to score")
        utilities = np.empty(len(features))
        for start in range(0, len(features), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            # Not a matrix product, whose rounding depends on the rows beside: equal rows must stay tied.
            utilities[part] = np.einsum("ij,j->i", self.standardise(features[part]), self.weights)
        return utilities


def fit_logit(train: RankingDataset, l2: float) -> Logit:
    """Minimise -mean log likelihood per query + l2 / 2 * |weights|^2 by L-BFGS.

    Features are standardised and clipped to +-5; a missing or infinite value counts as the mean, and an indicator says
    so where the training rows have any. A column that is constant within every query cancels out of every probability:
    it is dropped, as are queries without a positive.

    >>> features, labels = np.tile(np.float32([[1], [0]]), (4, 1)), np.float32([1, 0, 1, 0, 1, 0, 0, 1])
    >>> model = fit_logit(RankingDataset(("marked",), features, labels, np.full(4, 2, np.int32)), l2=0.0)
    >>> marked, plain = model.predict(["marked"], np.float32([[1], [0]]))
    >>> round(float(marked - plain), 2)  # three of four queries choose the marked row: log(3 / 1)
    1.1
    """
    every = fit_standardiser(train.features)
    design, width = every.standardise(train.features), len(every.valued)
    varies = np.zeros(design.shape[1], bool)
    if len(train.group_sizes):
        starts = find_starts(train.group_sizes)
        varies |= (np.minimum.reduceat(design, starts) < np.maximum.reduceat(design, starts)).any(axis=0)
    columns = replace(every, valued=np.flatnonzero(varies[:width]), flagged=every.flagged[varies[width:]])
    weights = fit_choices(design.compress(varies, axis=1), train.group_sizes, train.labels, l2, "a conditional logit")
    return Logit(columns.centre, columns.scale, columns.valued, columns.flagged, weights, train.names)


def fit_choices(
    rows: Matrix,
    sizes: Sizes,
    labels: Labels,
    ridge: float,
    what: str,
    bounds: Bounds | None = None,
    offset: Singles | None = None,
    start: Floats | None = None,
) -> Floats:
    """The weights (d,) of the columns of ``rows`` (n, d) that minimise -mean log likelihood per query + ridge / 2 *
    |weights|^2.

    Columns should be of one scale. ``labels`` (n,): 1 for what was chosen; queries without any say nothing. ``what`` is
    fitted, for the sentence that says that it did not converge. ``offset`` (n,): of utilities, with the weight 1; the
    logarithm of how many a row stands for, where rows are a draw. ``start`` (d,): weights to begin with, 0 without.

    >>> rows, labels = np.tile(np.float32([[1], [0]]), (4, 1)), np.float32([1, 0, 1, 0, 1, 0, 0, 1])
    >>> fit_choices(rows, np.full(4, 2, np.int32), labels, 0.0, "it").round(2).tolist()  # log(3 / 1)
    [1.1]
    """
    answered = np.add.reduceat(labels, find_starts(sizes)) > 0 if len(sizes) else np.empty(0, bool)
    if not answered.all():
        kept = np.repeat(answered, sizes)
        rows, labels, sizes = rows[kept], labels[kept], sizes[answered]
        offset = None if offset is None else offset[kept]
    chunks = list(_cut_queries(sizes))

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, gradient = 0.0, np.zeros(len(weights))
        for part, queries in chunks:
            matrix = rows[part].astype(np.float64)  # the rounding of float32 products would stop the line search
            utilities = matrix @ weights + (0.0 if offset is None else offset[part])
            total -= float(log_likelihoods(utilities, labels[part], sizes[queries]).sum())
            gradient += softmax_gradients(utilities, labels[part], sizes[queries])[0] @ matrix
        count = max(len(sizes), 1)
        return total / count + ridge / 2 * float(weights @ weights), gradient / count + ridge * weights

    return minimise(loss, np.zeros(rows.shape[1]) if start is None else start, what, bounds)


def _cut_queries(sizes: Sizes) -> Iterator[tuple[slice, slice]]:
    """Rows and queries of some ``CHUNK_ROWS`` rows at a time."""
    ends = np.cumsum(sizes, dtype=np.int64)
    # Behind every query in which a further ``CHUNK_ROWS`` are filled: a query stays whole, however long it is.
    cuts = np.flatnonzero(np.diff(ends // CHUNK_ROWS, append=-1)) + 1
    first = 0
    for cut in cuts.tolist():
        yield slice(ends[first] - sizes[first], ends[cut - 1]), slice(first, cut)
        first = cut


def _compute_moments(features: Matrix) -> tuple[Matrix, Matrix, NDArray[np.int64]]:
    """Per column mean, deviation and number of the finite values."""
    known = np.zeros(features.shape[1], np.int64)
    centre, spread = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for column, values in enumerate(features.T):  # one after the other, so that no second copy of all lies in memory
        finite = values[np.isfinite(values)].astype(np.float64)
        known[column] = len(finite)
        if len(finite):
            centre[column], spread[column] = finite.mean(), finite.std()
    return centre.astype(np.float32), np.where(spread > 0, spread, 1.0).astype(np.float32), known
