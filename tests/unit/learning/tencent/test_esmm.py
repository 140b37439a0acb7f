"""Two heads find a planted pair of rates."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.learning.metrics import average, score_log_loss
from competitions.learning.tencent.esmm import (
    BIASED,
    CLICKED,
    ESMM,
    ONE,
    Impressions,
    list_impressions,
    predict_conversions,
)
from tests.unit.tencent.tencent_files import WORLD, read, write_competition

CLICKS, CONVERSIONS = np.array([0.0, 0.8, 0.2]), np.array([0.0, 0.1, 0.9])  # by code; of the clicked


def draw(rows: int, seed: int) -> Impressions:
    """Ads of two kinds: one is clicked, the other converts."""
    rng = np.random.default_rng(seed)
    code = rng.integers(1, 3, rows)
    clicked = rng.random(rows) < CLICKS[code]
    converted = clicked & (rng.random(rows) < CONVERSIONS[code])
    user = np.arange(rows) // 4
    labels = clicked.astype(np.float32), converted.astype(np.float32)
    return Impressions(code[:, None], np.zeros((rows, 2), np.float32), user, *labels)


def test_what_lies_behind_the_last_click_is_not_judged(tmp_path: Path) -> None:
    events = {1: ((1, 0, 1), (2, 1, 2), (3, 1, 9), (1, 0, 20)), 2: ()}
    before, judged = list_impressions(read(write_competition(tmp_path, replace(WORLD, events=events))))
    assert (before.clicked.tolist(), judged.clicked.tolist()) == ([0, 1], [1])


@pytest.mark.parametrize("kind", [ONE, CLICKED, ESMM])
def test_the_product_of_a_planted_pair_of_rates_is_found(kind: str) -> None:
    judged = draw(400, 1)
    found = predict_conversions(draw(60_000, 0), judged, kind, 0)
    assert found == pytest.approx((CLICKS * CONVERSIONS)[judged.codes[:, 0]], abs=0.03)


def test_a_head_of_clicked_rows_alone_promises_too_much_where_nobody_clicks() -> None:
    judged = draw(400, 1)
    train = draw(60_000, 0)
    biased, right = (predict_conversions(train, judged, kind, 0) for kind in (BIASED, CLICKED))
    assert biased == pytest.approx(CONVERSIONS[judged.codes[:, 0]], abs=0.03)  # as if every row were clicked
    worse = score_log_loss(judged.converted, biased) - score_log_loss(judged.converted, right)
    mean, error = average(worse, clusters=judged.user)
    assert mean > 3 * error > 0
