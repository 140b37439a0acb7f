"""Two heads find a planted pair of rates, and the auction sells by bid x probability."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from competitions.tencent.lab import esmm
from competitions.tencent.lab.esmm import (
    BIASED,
    CLICKED,
    ESMM,
    ONE,
    SLATE,
    Impressions,
    average_by_user,
    list_impressions,
    log_losses,
    predict_conversions,
    rate_before,
    sell,
)
from tests.unit.tencent.tencent_files import WORLD, read, write_competition

CLICKS, CONVERSIONS = np.array([0.0, 0.8, 0.2]), np.array([0.0, 0.1, 0.9])  # by code; of the clicked


def draw(rows: int, seed: int) -> Impressions:
    """Ads of two kinds: one is clicked, the other converts."""
    rng = np.random.default_rng(seed)
    code = rng.integers(1, 3, rows)
    clicked = rng.random(rows) < CLICKS[code]
    converted = clicked & (rng.random(rows) < CONVERSIONS[code])
    user = np.arange(rows) // SLATE
    labels = clicked.astype(np.float32), converted.astype(np.float32)
    advertiser = rng.integers(50, size=rows)  # who bids, whatever the ad converts
    return Impressions(code[:, None], np.zeros((rows, 2), np.float32), user, advertiser, *labels)


def test_whoever_has_the_bid_is_the_advertiser_and_no_campaign(tmp_path: Path) -> None:
    items = {1: {"114": 4, "122": 2}, 2: {"114": 4, "122": 3}, 3: {"114": 1, "122": 2}}
    events = {1: ((1, 0, 1), (2, 1, 2), (3, 1, 9), (1, 0, 20)), 2: ()}  # behind the last click nothing is judged
    world = replace(WORLD, item_features=items, events=events, user_features={2: {}})
    before, judged = list_impressions(read(write_competition(tmp_path, world)))
    assert (before.advertiser.tolist(), judged.advertiser.tolist()) == ([2, 3], [2])


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
    loss, error = average_by_user(
        log_losses(judged.converted, biased) - log_losses(judged.converted, right), judged.user
    )
    assert loss > 3 * error > 0


def test_without_esmm_the_conversion_is_learned_from_clicked_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esmm, "STEPS", 20)
    train, judged = draw(5_000, 0), draw(100, 1)
    lost = train.clicked == 0
    changed = replace(train, converted=np.where(lost, 1.0, train.converted).astype(np.float32))
    assert (predict_conversions(train, judged, CLICKED, 0) == predict_conversions(changed, judged, CLICKED, 0)).all()


def test_labels_of_the_judged_rows_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esmm, "STEPS", 20)
    train, judged = draw(5_000, 0), draw(100, 1)
    other = Impressions(*vars(judged).values())
    other = Impressions(other.codes, other.rates, other.user, other.advertiser, 1 - other.clicked, 1 - other.converted)
    assert (predict_conversions(train, judged, ESMM, 0) == predict_conversions(train, other, ESMM, 0)).all()


def test_the_truth_earns_more_than_what_is_upside_down() -> None:
    judged = draw(40_000, 2)
    right = (CLICKS * CONVERSIONS)[judged.codes[:, 0]]
    good, bad = sell(judged, right, 0), sell(judged, 1 - right, 0)
    assert good["revenue"] > bad["revenue"] + 2 * good["error"]
    assert good["converts"] > bad["converts"]


def test_a_rate_knows_only_what_came_before() -> None:
    happened = np.array([True, False, True, True])
    offsets, user = np.array([0, 2, 4]), np.array([0, 0, 1, 1])
    first = rate_before(happened, offsets, user)
    assert first[0] == first[2]  # nothing before either
    assert first[3] > first[2] > 0
    changed = happened.copy()
    changed[3], changed[1] = False, True  # as many in all
    assert rate_before(changed, offsets, user)[[0, 1, 2, 3]].tolist() == first.tolist()
