"""Calibration finds a planted distortion, keeps the order, and is judged on other days."""

import numpy as np
import pytest

from competitions.learning.mgtv.calibration import (
    CALIBRATIONS,
    calibrate_across,
    calibration_error,
    logit,
)


def draw(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True probabilities, twice too confident ones, and what happened."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(0.05, 0.6, rows)
    return true, 1 / (1 + np.exp(-(2 * logit(true) + 1))), (rng.random(rows) < true).astype(float)


@pytest.mark.parametrize("kind", list(CALIBRATIONS))
def test_a_planted_distortion_is_taken_out_on_days_that_were_not_learned_from(kind: str) -> None:
    days = [draw(20_000, seed) for seed in (0, 1)]
    calibrated = calibrate_across(kind, [day[1] for day in days], [day[2] for day in days])
    for (true, distorted, labels), found in zip(days, calibrated, strict=True):
        assert calibration_error(found, labels) < 0.02 < calibration_error(distorted, labels)
        assert np.abs(found - true).mean() < 0.02
        order = np.argsort(distorted)
        assert (np.diff(found[order]) >= 0).all()


def test_no_day_is_calibrated_by_its_own_answers() -> None:
    _, distorted, labels = draw(2_000, 2)
    kept = calibrate_across("isotonic", [distorted, distorted], [labels, labels])[0]
    other = calibrate_across("isotonic", [distorted, distorted], [1 - labels, labels])[0]
    assert (kept == other).all()
