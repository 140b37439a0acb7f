"""Matrix factorisation of what users did: every user and every item a vector, their inner product the score.

Weighted alternating least squares (Hu, Koren and Volinsky 2008, "Collaborative filtering for implicit feedback
datasets") by the library ``implicit``: what a user did counts 1 with confidence 1 + alpha * weight, all else counts 0
with confidence 1. Minimised is the weighted squared error plus ``ridge`` * |vectors|^2, in turn for all users
and for all items.
"""

from typing import Any

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from common.engine.progress import warn
from common.retrieval.settings import FactorSettings

CONVERGED = 0.01  # the share of the loss that the last round may still take off
Vectors = NDArray[np.float32]
Sparse = Any  # scipy's csr matrix or array: it has no type to be named


def factorise(weights: Sparse, settings: FactorSettings, seed: int) -> Vectors:
    """Vectors (items, size) from what each user (row) did with each item (column), csr with weights above 0.

    An item that nobody touched gets zeros. The users' vectors come from ``find_users``, for those of the log and
    for others alike. The same seed gives the same vectors, however many threads there are. Says so where the last round
    still lowered the loss by more than ``CONVERGED``.

    >>> clicks = count_matrix(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 2, 3, 0]), (3, 4))
    >>> items = factorise(clicks, FactorSettings(size=2), seed=0)
    >>> scores = find_users(clicks, items, FactorSettings(size=2)) @ items.T
    >>> scores[2].argsort()[::-1][:2].tolist()  # user 2 clicked item 0, as user 0 did, who clicked item 1 as well
    [0, 1]
    """
    if not weights.nnz:
        return np.zeros((weights.shape[1], settings.size), np.float32)
    model, losses = _make(settings, seed), list[float]()

    def watch(number: int, _: float, loss: float | None) -> None:
        losses.extend([] if loss is None else [loss])
        model.calculate_training_loss = number >= settings.rounds - 3  # of the last two rounds: it takes time

    with threadpool_limits(1, "blas"):  # the library's own threads are faster, and BLAS would round by their number
        model.fit(_trust(weights, settings), show_progress=False, callback=watch)
    if len(losses) > 1 and losses[-2] > (1 + CONVERGED) * losses[-1]:
        fall = losses[-2] / losses[-1] - 1
        warn(
            f"The factorisation did not converge in {settings.rounds} rounds: the last lowered its loss by {fall:.1%}."
        )
    return np.asarray(model.item_factors, np.float32)


def find_users(weights: Sparse, items: Vectors, settings: FactorSettings) -> Vectors:
    """Vectors (users, size) that fit best, exactly, what each user (row) did, given the items' vectors.

    >>> settings = FactorSettings(size=1, ridge=0.5, alpha=3.0)  # confidence 1 + 3 of the click, 1 of the other item
    >>> clicks, items = count_matrix(np.array([0]), np.array([0]), (1, 2)), np.ones((2, 1), np.float32)
    >>> round(float(find_users(clicks, items, settings).item()), 4)  # 4 / (4 + 1 + 0.5)
    0.7273
    """
    if not weights.nnz:
        return np.zeros((weights.shape[0], items.shape[1]), np.float32)
    model = _make(settings, 0)
    model.item_factors = np.require(items, requirements="W")  # mapped vectors are read-only, which the library refuses
    with threadpool_limits(1, "blas"):
        return np.asarray(model.recalculate_user(np.arange(weights.shape[0]), _trust(weights, settings)), np.float32)


def _make(settings: FactorSettings, seed: int) -> AlternatingLeastSquares:
    with threadpool_limits(1, "blas"):  # or it warns
        return AlternatingLeastSquares(
            factors=settings.size,
            regularization=settings.ridge,
            iterations=settings.rounds,
            random_state=seed,
            calculate_training_loss=settings.rounds < 3,
        )


def _trust(weights: Sparse, settings: FactorSettings) -> sp.csr_matrix:
    """The confidences; the library takes matrices, not arrays."""
    matrix = sp.csr_matrix(weights, dtype=np.float32)
    matrix.data = np.float32(1) + np.float32(settings.alpha) * matrix.data
    return matrix


def count_matrix(
    users: NDArray[np.integer[Any]], items: NDArray[np.integer[Any]], shape: tuple[int, int]
) -> sp.csr_matrix:
    """Events as a csr matrix (users, items) of float32: how often.

    >>> count_matrix(np.array([0, 0, 1]), np.array([2, 2, 0]), (2, 3)).toarray().tolist()
    [[0.0, 0.0, 2.0], [1.0, 0.0, 0.0]]
    """
    return sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape)  # pairs that repeat are added up
