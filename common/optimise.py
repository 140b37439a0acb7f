"""One minimiser for all that is fitted by its gradient: scipy's L-BFGS-B, which says when it did not converge.

Byrd, Lu, Nocedal and Zhu 1995, "A limited memory algorithm for bound constrained optimization". A loss should be a mean
(over queries, sessions), so that the tolerances mean the same for every number of rows.
"""

from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from common.arrays import Floats
from common.engine.progress import warn

Bounds = Sequence[tuple[float | None, float | None]]  # of each number, None where it has none
LOSS_TOLERANCE = 1e-10  # the relative gain of an iteration below which a fit ends
GRADIENT_TOLERANCE = 1e-6  # the steepest slope, away from bounds, at which a fit ends
# A line search that finds no better point where the slope is as small as this has reached the rounding of the loss.
ROUNDING_TOLERANCE = 1e-4
# Steps that the curvature is estimated from. scipy's 10 are for thousands of numbers; here each step reads all rows,
# and fifty correlated columns converge after 52 steps in place of 88.
REMEMBERED = 50


def minimise(
    loss: Callable[[Floats], tuple[float, Floats]],
    start: Floats,
    what: str,
    bounds: Bounds | None = None,
    iterations: int = 1000,
) -> Floats:
    """The numbers within ``bounds`` of the smallest loss; ``loss`` gives its value and its gradient.

    A fit of ``what`` that did not converge says so, on the console and in the run's record. BLAS has one thread: it
    would round by their number.

    >>> x = minimise(lambda x: (float((x - 3) @ (x - 3)), 2 * (x - 3)), np.zeros(2), "x", [(0, 2), (None, None)])
    >>> x.round(4).tolist()
    [2.0, 3.0]
    """
    if not len(start):
        return start
    from scipy.optimize import minimize  # here: it takes long to import

    options = {
        "maxiter": iterations,
        "maxfun": 20 * iterations,
        "ftol": LOSS_TOLERANCE,
        "gtol": GRADIENT_TOLERANCE,
        "maxcor": REMEMBERED,
    }
    with threadpool_limits(1, "blas"):
        result = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    slope = steepest_slope(result.x, result.jac, bounds)
    out_of_iterations = result.status == 1
    converged = bool(result.success) or (not out_of_iterations and slope <= ROUNDING_TOLERANCE)
    converged = converged and bool(np.isfinite(result.fun) and np.isfinite(slope))
    if not converged:
        warn(
            f"The fit of {what} did not converge after {result.nit} iterations (gradient {slope:.2g}): its weights"
            " may be off."
        )
    return np.asarray(result.x)


def steepest_slope(x: Floats, gradient: Floats, bounds: Bounds | None = None) -> float:
    """The largest slope of the loss along which it could still fall: none leads out of the bounds.

    >>> steepest_slope(np.array([0.0, 1.0]), np.array([5.0, -0.5]), [(0, None), (0, None)])
    0.5
    """
    lower, upper = np.full(len(x), -np.inf), np.full(len(x), np.inf)
    for i, (least, most) in enumerate(bounds or ()):
        lower[i], upper[i] = -np.inf if least is None else least, np.inf if most is None else most
    return float(np.abs(np.clip(x - gradient, lower, upper) - x).max(initial=0.0))
