"""The channel ``linear``: a model from past to future in closed form; ads that share attributes are held to be alike.

At every position of every history, S is the past (each ad before it) and T the future (each ad behind it), weighted by
their distance. B minimises |T - S B|^2 + ridge * tr(B' K^-1 B), which gives B = (S'S + ridge K^-1)^-1 S'T: the model
SLIT of Choi et al. 2021, "Session-aware linear item-item models for session-based recommendation", with a prior of our
own: K = I + W W', W = prior^1/2 * A of the ads' attributes A, correlates the coefficients of ads that share attributes,
so that a rare ad in the history counts as its like do. K = I is the plain ridge regression.

S and T, with one row for each position, are never built: pairs of events give S'S and S'T directly. Nor is a system of
the whole catalogue solved. Where ads (z) have no events, S has no columns of theirs; their coefficients follow exactly
from those of the others (a): B_z = K_za K_aa^-1 B_a = W_z (I + W_a'W_a)^-1 W_a' B_a, by Woodbury's identity. S'T is
sparse (half a percent of Amazon Beauty's cells), so that the inverse times S'T is cheaper, in N^3 steps by Cholesky's
factor, than solving for all right sides, in 2.3 N^3.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

from common.arrays import Singles
from common.engine.errors import UserError
from competitions.tencent.corpus import Catalogue, Int64s
from competitions.tencent.ids import CatalogueRows, number_rows
from competitions.tencent.retrieval.attributes import attribute_matrix, smooth_scores
from competitions.tencent.retrieval.channel import Channel, Scorer, deviations
from competitions.tencent.retrieval.sparse_history import (
    CLICK_WEIGHTS,
    RANKER_WEIGHTS,
    ActionWeights,
    Log,
    Sparse,
    flatten_log,
    number_items,
    pick_columns,
    weight_histories,
)
from competitions.tencent.sequences import Histories

NAME = "linear"
MOST_ITEMS = 20_000  # a matrix of items x items is inverted
MOST_VALUES = 1_000  # of attributes that correlate coefficients: more cost a larger inverse and found no more
BLOCK = 64  # rows of a product with S'T at a time, which stay in the processor's cache
TILE = 2048  # rows and columns of a dense matrix at a time


@dataclass(frozen=True, kw_only=True)
class RegressionSettings:
    """An event ``a`` steps back weighs ``past_decay``^a, one ``b`` steps behind the next ``future_decay``^b; pairs more
    than ``reach`` events apart are left out. ``ridge``: the penalty on coefficients. ``prior``: how far ads that share
    attributes are held to have like coefficients, 0 for not at all. ``fade``, ``to_attributes``: as in the counts. The
    defaults are those of the ranker.
    """

    reach: int = 60
    past_decay: float = 0.7
    future_decay: float = 0.1
    ridge: float = 100.0
    prior: float = 10.0
    fade: float = 0.65
    to_attributes: float = 1.5
    weights: ActionWeights = RANKER_WEIGHTS


# Of a log of exposures, where all events find less than the clicks and cost more.
CLICKED = RegressionSettings(reach=10, weights=CLICK_WEIGHTS)
MOST_CLICKED = 4_000  # a second's work


@dataclass(frozen=True)
class Regression:
    """What an ad in the past adds to the score of another.

    ``kept`` int64 [n]: the rows of the catalogue that have coefficients, ascending; ``targets`` [m]: those of them that
    are scored. ``coefficients`` float32 [n, m]: of a kept ad for a target. ``by_value`` float32 [values, m]: of an ad
    that is not kept, by what it has in these columns ``values`` of ``attributes`` [rows of the catalogue, all values].
    """

    kept: Int64s
    targets: Int64s
    coefficients: Singles
    values: Int64s
    by_value: Singles
    attributes: Sparse
    settings: RegressionSettings

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """See ``score_regression``."""
        shared = self.attributes[candidates]
        return lambda block: {NAME: score_regression(self, block.histories, candidates, shared)}


def fit(history: Histories, catalogue: Catalogue, candidates: CatalogueRows, exposures: bool) -> Regression:
    """The regression of the events of these histories, of clicks alone where the log has ``exposures``."""
    settings, most = (CLICKED, MOST_CLICKED) if exposures else (RegressionSettings(), MOST_ITEMS)
    return fit_regression(history, catalogue, attribute_matrix(catalogue), settings, most, candidates)


def fit_regression(
    histories: Histories,
    catalogue: Catalogue,
    attributes: Sparse,
    settings: RegressionSettings,
    most_items: int = MOST_ITEMS,
    targets: Int64s | None = None,
) -> Regression:
    """Solve for the coefficients among the ``most_items`` ads whose events weigh most.

    The log is taken without the events of the others: these count, and are scored, by their attributes alone. Of
    ``targets`` (rows of the catalogue in any order, None for all) the coefficients are kept. With n ads: 4 n^2 bytes
    beside the log and the result, and n^3 steps. Raises ``UserError`` where float32 has no solution.
    """
    log = flatten_log(histories, settings.weights)
    kept = choose_items(log, len(catalogue.oid), most_items)
    log = number_items(log, number_rows(kept, len(catalogue.oid)))
    values = _choose_values(attributes[kept], settings)
    shared = attributes[kept][:, values] * np.float32(settings.prior**0.5)
    inner = np.linalg.inv(np.eye(len(values)) + (shared.T @ shared).toarray()).astype(np.float32)

    past, follows = multiply_positions(log, len(kept), settings)
    system = past.toarray(order="F")
    _add_prior(system, shared, inner, settings.ridge)
    scored = np.arange(len(kept)) if targets is None else np.flatnonzero(np.isin(kept, targets))
    coefficients = _multiply_in_place(invert(system), sp.csr_array(follows[:, scored]))
    by_value = np.float32(settings.prior**0.5) * (inner @ (shared.T @ coefficients))
    return Regression(kept, kept[scored], coefficients, values, by_value, attributes, settings)


def choose_items(log: Log, rows: int, most: int) -> Int64s:
    """The rows of the catalogue with events, ascending; of more than ``most`` those whose events weigh most."""
    weight = np.bincount(log.item, log.weight, minlength=rows)
    heaviest = np.argsort(-weight, kind="stable")[:most]  # of equals the first rows
    return np.sort(heaviest[weight[heaviest] > 0])


def _choose_values(attributes: Sparse, settings: RegressionSettings) -> Int64s:
    """The columns of the ``MOST_VALUES`` attributes that most of these ads have."""
    if not settings.prior:
        return np.empty(0, np.int64)
    ads = np.bincount(attributes.indices, minlength=attributes.shape[1])
    commonest = np.argsort(-ads, kind="stable")[:MOST_VALUES]
    return np.sort(commonest[ads[commonest] > 0])


def multiply_positions(log: Log, rows: int, settings: RegressionSettings) -> tuple[Sparse, Sparse]:
    """S'S and S'T, csr float32 [rows, rows], from pairs of events at most ``reach`` events apart.

    With past_decay p and future_decay f, an event at position b that r more events follow, and one g events before it:
    S'S gains p^g * sum over the r positions behind b of p^2t = p^g (1 - p^2r) / (1 - p^2), and
    S'T gains the sum over the g positions between the two of p^t f^(g - 1 - t).
    """
    past, future = settings.past_decay, settings.future_decay
    events = np.arange(len(log.item))
    lasting = (1 - past ** (2.0 * (log.offsets[log.owner + 1] - 1 - events))) / (1 - past**2)
    gram = _add_up(log, events, events, lasting * 0.5, rows)  # half, for the transpose is added
    follows = sp.csr_array((rows, rows), dtype=np.float32)
    for gap in range(1, settings.reach + 1):
        before, after = log.neighbours(events, gap)
        if not len(before):
            break
        gram = gram + _add_up(log, before, after, past**gap * lasting[after], rows)
        between = sum(past**step * future ** (gap - 1 - step) for step in range(gap))
        follows = follows + _add_up(log, before, after, np.full(len(before), between), rows)
    return sp.csr_array(gram + gram.T), follows


def _add_up(log: Log, before: Int64s, after: Int64s, decay: np.ndarray, rows: int) -> Sparse:
    weight = decay * log.weight[before] * log.weight[after]
    cells = (log.item[before], log.item[after])
    return sp.coo_array((weight.astype(np.float32), cells), (rows, rows)).tocsr()


def _add_prior(system: Singles, shared: Sparse, inner: Singles, ridge: float) -> None:
    """Add ridge * K^-1 in place: by Woodbury's identity K^-1 = I - W (I + W'W)^-1 W'.

    ``shared``: W csr [n, values]; ``inner``: (I + W'W)^-1.
    """
    diagonal = np.arange(len(system))
    system[diagonal, diagonal] += np.float32(ridge)
    if not shared.shape[1]:
        return
    half = shared @ inner
    for start in range(0, len(system), TILE):  # in tiles: the product is as large as the system
        system[:, start : start + TILE] -= np.float32(ridge) * (shared @ half[start : start + TILE].T)


def invert(system: Singles) -> Singles:
    """The inverse of a symmetric positive definite matrix in its own memory, float32, row by row.

    ``system``: float32, column by column, of which the lower triangle is read; it is overwritten.
    """
    if not len(system):
        return system.T
    factor, failed = lapack.spotrf(system, lower=1, clean=0, overwrite_a=1)
    inverse, singular = (factor, 1) if failed else lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or singular:
        raise UserError("The regression has no solution in float32: remove linear from ranker.channels.")
    rows: Singles = inverse.T  # what was the lower triangle of columns is the upper one of rows
    for start in range(0, len(rows), TILE):
        for left in range(0, start, TILE):
            rows[start : start + TILE, left : left + TILE] = rows[left : left + TILE, start : start + TILE].T
        corner = rows[start : start + TILE, start : start + TILE]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
    return rows


def _multiply_in_place(inverse: Singles, follows: Sparse) -> Singles:
    """Their product [rows, columns of ``follows``]: a row of it needs, and replaces, the same row of the inverse."""
    wide = follows.shape[1]
    for start in range(0, len(inverse), BLOCK):
        inverse[start : start + BLOCK, :wide] = inverse[start : start + BLOCK] @ follows
    return inverse if wide == len(inverse) else inverse[:, :wide].copy()


def score_regression(
    model: Regression, queries: Histories, candidates: Int64s, shared: Sparse | None = None
) -> Singles:
    """Scores of ``candidates``, rows of the catalogue, float32 [queries, candidates].

    An ad that is no target has what its attributes give it, and 0 where scores do not spread. ``shared``:
    ``model.attributes[candidates]`` of a caller that has it.
    """
    settings = model.settings
    seen = weight_histories(queries, model.attributes.shape[0], settings.weights, settings.fade)
    own, others = pick_columns(seen, model.kept)
    scores = own @ model.coefficients
    if others.nnz and len(model.values):
        scores += pick_columns(others @ model.attributes, model.values)[0] @ model.by_value
    return smooth_scores(scores, model.targets, model.attributes, settings.to_attributes, candidates, shared)


CHANNEL = Channel(NAME, fit, {NAME: deviations})
