"""Calibration: of the shown videos with P(watch) = .2, one in five should be watched.

A recommender needs the order of its scores alone. An advertiser pays by their size: the auction multiplies them with
bids (``auction.hold``), so that a probability twice too high sells the place to the wrong ad. Both methods learn a
rising function of the probability, so that the order within a list stays (isotonic: but for ties):

- Platt 1999, "Probabilistic outputs for support vector machines": a logistic regression on the logit, two numbers;
- isotonic regression (Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass probability
  estimates"): the best rising step function, which needs more rows.

Each is learned on one day and used on another: on its own rows every calibration looks perfect.
"""

from collections.abc import Callable, Sequence

import numpy as np

from common.arrays import Floats
from common.optimise import minimise

Calibrator = Callable[[Floats], Floats]
BINS = 10
LEAST = 1e-6  # a probability is at least, and at most 1 less it: the logit of 0 is no number


def logit(probabilities: Floats) -> Floats:
    """log(p / (1 - p)).

    >>> logit(np.array([0.5, 0.8])).round(3).tolist()
    [0.0, 1.386]
    """
    inside = np.clip(probabilities, LEAST, 1.0 - LEAST)
    return np.asarray(np.log(inside / (1.0 - inside)))


def fit_platt(probabilities: Floats, labels: Floats) -> Calibrator:
    """1 / (1 + exp(-(a x logit + b))), with a and b of the largest likelihood."""
    score = logit(probabilities)
    design, sign = np.column_stack([score, np.ones(len(score))]), np.where(labels > 0, 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        utility = sign * (design @ weights)
        wrong = sign * np.exp(-np.logaddexp(0, utility))  # 1 - the probability of what happened
        return float(np.logaddexp(0, -utility).mean()), -(wrong @ design) / len(design)

    a, b = minimise(loss, np.array([1.0, 0.0]), "Platt's calibration")
    return lambda others: np.asarray(1 / (1 + np.exp(-(a * logit(others) + b))))


def fit_isotonic(probabilities: Floats, labels: Floats) -> Calibrator:
    """The rising step function of the least squares; beyond the rows it was learned on, its first and last step."""
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=LEAST, y_max=1.0 - LEAST, out_of_bounds="clip").fit(probabilities, labels)
    return lambda others: np.asarray(model.predict(others))


CALIBRATIONS: dict[str, Callable[[Floats, Floats], Calibrator]] = {"platt": fit_platt, "isotonic": fit_isotonic}


def calibrate_across(
    kind: str, probabilities: Sequence[Floats], labels: Sequence[Floats], known: Sequence[Floats] | None = None
) -> list[Floats]:
    """Each day's probabilities (rows,), calibrated by the other days; a single day has to calibrate itself. ``known``:
    above 0 where a row has a label to learn from, by default each has.
    """
    calibrated = []
    for day, own in enumerate(probabilities):
        others = [other for other in range(len(probabilities)) if other != day] or [day]
        rows = [known[other] > 0 if known else slice(None) for other in others]
        seen, right = (
            np.concatenate([part[other][kept] for other, kept in zip(others, rows, strict=True)])
            for part in (probabilities, labels)
        )
        calibrated.append(CALIBRATIONS[kind](seen, right.astype(np.float64))(own))
    return calibrated


def calibration_error(probabilities: Floats, labels: Floats, bins: int = BINS) -> float:
    """The mean distance of what is predicted and what is observed, over ``bins`` of equally many rows.

    Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning".

    >>> calibration_error(np.array([0.1, 0.1, 0.9, 0.9]), np.array([0.0, 0.0, 1.0, 0.0]), bins=2)  # .1 and .4 off
    0.25
    """
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    apart = [abs(probabilities[part].mean() - labels[part].mean()) * len(part) for part in parts]
    return float(sum(apart) / max(len(order), 1))
