"""Auctions among videos of planted probabilities: the right factors earn most, and a common one changes nothing."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from competitions.learning.mgtv import __main__ as command
from competitions.learning.mgtv.auction import RIGHT, Auctions, judge
from competitions.mgtv.models import completion
from competitions.mgtv.models.completion import Bins, Completion
from tests.unit.mgtv.mgtv_world import make_day

LISTS = 4_000


def draw_day(seed: int) -> Auctions:
    """Lists of two ads, whose P(deep | click) spreads more than P(click) does."""
    rng = np.random.default_rng(seed)
    click, deep = rng.uniform(0.3, 0.6, 2 * LISTS), rng.uniform(0.02, 0.9, 2 * LISTS)
    clicked, watched = (rng.random(2 * LISTS) < chance for chance in (click, deep))
    sizes = np.full(LISTS, 2, np.int32)
    return Auctions(click, deep, clicked.astype(float), (clicked & watched).astype(float), sizes, np.arange(LISTS))


def test_the_right_factors_earn_most_and_promise_what_comes() -> None:
    rows = {str(row["ranked by"]): row for row in judge([draw_day(0), draw_day(1)], seed=0)}
    for name in ("bid alone", "bid x ctr", "deep cvr too bold", "deep cvr of sampled rows"):
        assert float(rows[name]["minus right"]) < -2 * float(rows[name]["minus right error"]) < 0, name
    assert rows[RIGHT]["promised / came"] == pytest.approx(1.0, abs=0.05)
    times = rows["the product times 5"]
    assert (times["minus right"], times["revenue"]) == (0, pytest.approx(rows[RIGHT]["revenue"]))
    assert times["promised / came"] == pytest.approx(5.0, abs=0.25)


def test_a_day_becomes_the_lists_of_two_videos_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    day = make_day([2, 1, 3], [0, 0, 1], completions=[0.95, np.nan, 1.0, np.nan, 0.5, np.nan])
    bins = Bins(np.array([0.5, 0.9]), np.zeros(1), np.zeros((3, 1)), np.zeros(3))
    chances = np.array([[0.2, 0.3, 0.5]] * 2 + [[0.1, 0.1, 0.8]] * 3)
    monkeypatch.setattr(completion, "predict", lambda *_: chances)
    ads = command.make_auctions(day, np.linspace(0.1, 0.6, 6), cast(Completion, SimpleNamespace(bins=bins)))
    assert ads.sizes.tolist() == [2, 3]
    assert ads.click.round(1).tolist() == [0.1, 0.2, 0.4, 0.5, 0.6]
    assert ads.deep.tolist() == [0.5, 0.5, 0.8, 0.8, 0.8]
    assert (ads.clicked.tolist(), ads.watched.tolist()) == ([1, 0, 0, 1, 0], [1, 0, 0, 0, 0])
