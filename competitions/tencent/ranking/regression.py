"""A linear model from past to future in closed form, with ads that share attributes held to be alike.

At every position of every history, S is the past (each ad before it) and T the future (each ad behind it), weighted by
their distance. B minimises |T - S B|^2 + ridge * tr(B' K^-1 B), which gives B = (S'S + ridge K^-1)^-1 S'T: the model
SLIT of Choi et al. 2021, "Session-aware linear item-item models for session-based recommendation", with a prior of our
own: K = I + prior * A A' over the ads' attributes A correlates the coefficients of ads that share attributes, so that a
rare ad in the history counts as its like do. K = I is the plain ridge regression.

S and T, with one row for each position, are never built: pairs of events give S'S and S'T directly.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from common.engine.errors import UserError
from competitions.tencent.corpus import Catalogue, Floats, Int64s
from competitions.tencent.ranking.attributes import smooth_scores
from competitions.tencent.ranking.sparse_history import (
    RANKER_WEIGHTS,
    ActionWeights,
    Log,
    Sparse,
    flatten_log,
    weight_histories,
)
from competitions.tencent.sequences import Histories

MOST_ITEMS = 20_000  # a matrix of items x items is inverted


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


@dataclass(frozen=True)
class Regression:
    """``coefficients`` float32 [rows, rows]: what an ad (row) in the past adds to the score of another (column)."""

    coefficients: Floats
    attributes: Sparse
    settings: RegressionSettings


def fit_regression(
    histories: Histories, catalogue: Catalogue, attributes: Sparse, settings: RegressionSettings
) -> Regression:
    """Solve for the coefficients. With N rows: three matrices of 4 N^2 bytes at once, and about 2.3 N^3 steps.

    Refuses a catalogue of more than ``MOST_ITEMS`` (``UserError``).
    """
    rows = len(catalogue.oid)
    if rows > MOST_ITEMS:
        raise UserError(
            f"The regression inverts a matrix of items x items; the catalogue has {rows:,} rows, more than"
            f" {MOST_ITEMS:,}: leave linear out of ranker.channels."
        )
    log = flatten_log(histories, settings.weights)
    past, future = multiply_positions(log, rows, settings)
    system = np.asfortranarray(past.toarray())
    _add_prior(system, attributes, settings)
    try:
        factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError as error:
        raise UserError("The regression has no solution in float32: leave linear out of ranker.channels.") from error
    solved = cho_solve(factor, future.toarray(order="F"), overwrite_b=True, check_finite=False)
    return Regression(np.ascontiguousarray(solved), attributes, settings)


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


def _add_prior(system: Floats, attributes: Sparse, settings: RegressionSettings) -> None:
    """Add ridge * K^-1 in place: by Woodbury's identity K^-1 = I - W (I + W'W)^-1 W', where K = I + W W'."""
    diagonal = np.arange(len(system))
    system[diagonal, diagonal] += np.float32(settings.ridge)
    if not settings.prior or not attributes.shape[1]:
        return
    shared = attributes * np.float32(settings.prior**0.5)
    inner = np.linalg.inv(np.eye(shared.shape[1]) + (shared.T @ shared).toarray()).astype(np.float32)
    half = shared @ inner
    for start in range(0, len(system), 2048):  # in blocks: the product is as large as the system
        system[:, start : start + 2048] -= np.float32(settings.ridge) * (shared @ half[start : start + 2048].T)


def score_regression(model: Regression, queries: Histories, columns: Int64s) -> Floats:
    """Scores of the ads in these rows of the catalogue, float32 [queries, columns]."""
    settings = model.settings
    seen = weight_histories(queries, len(model.coefficients), settings.weights, settings.fade)
    return smooth_scores(seen @ model.coefficients, model.attributes, settings.to_attributes, columns)
