"""Fusion weights: those of a logit that was planted; channels that weigh something, and those that do not."""

import numpy as np
import pytest

from competitions.tencent.retrieval.fusion import (
    FORECAST,
    ChannelScores,
    choose_channels,
    fit_weights,
    weigh_evenly,
)
from competitions.tencent.retrieval.registry import find_channel, name_channels

QUERIES, POOL = 1_500, 400


def draw(weights: dict[str, float], seed: int = 0, possible: float = 1.0) -> ChannelScores:
    """Targets drawn from the softmax of ``weights`` x normal evidence, put first; the others behind."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(QUERIES, POOL, len(weights))).astype(np.float32)
    allowed = rng.random((QUERIES, POOL)) < possible
    utility = np.where(allowed, values @ np.array(list(weights.values())), -np.inf)
    target = (utility + rng.gumbel(size=utility.shape)).argmax(1)
    each = np.arange(QUERIES)
    for part in (values, allowed):
        part[each, target], part[:, 0] = part[:, 0].copy(), part[each, target].copy()
    return ChannelScores(tuple(weights), values, allowed, POOL)


def test_the_planted_weights_are_found_whatever_was_seen() -> None:
    planted = {"content": 1.5, "counts": 0.5, FORECAST: 1.0}
    for possible in (1.0, 0.5):
        assert fit_weights(draw(planted, possible=possible)) == pytest.approx(list(planted.values()), abs=0.1)


def test_few_candidates_that_stand_for_many_give_the_same_weights() -> None:
    whole = draw({"content": 1.0, FORECAST: 0.5})
    kept = np.r_[0, 1 + np.random.default_rng(3).choice(POOL - 1, 100, replace=False)]
    part = ChannelScores(whole.names, whole.values[:, kept], whole.possible[:, kept], POOL)
    assert fit_weights(part) == pytest.approx(fit_weights(whole), abs=0.15)
    within = [each.find_within(np.array([1.0, 0.5]), 40).mean() for each in (whole, part)]
    assert within[0] == pytest.approx(within[1], abs=0.03)


def test_a_channel_of_no_weight_leaves_unless_it_is_kept() -> None:
    evidence = draw({"81": 1.2, "noise": 0.0, "counts of the ads": 1.0, FORECAST: 0.5})
    members = {"81": ("81",), "noise": ("noise",), "counts": ("counts of the ads",)}
    widths = {"81": 8.0, "noise": 20.0}
    fusion = choose_channels(evidence, members, widths, 40, keep=False)
    assert fusion.channels == ("81", "counts")
    assert fusion.widths == {"81": 8.0}
    assert set(fusion.weights) == {"81", "counts of the ads", FORECAST}
    rows = {row["channel"]: row for row in fusion.rows}
    assert [rows[name]["kept"] for name in members] == ["yes", "no", "yes"]
    assert rows["81"]["recall without it"] < rows["81"]["recall with all"] - 0.05  # type: ignore[operator]
    assert rows["81"]["recall with all"] > rows["81"]["recall alone"]  # type: ignore[operator]
    assert choose_channels(evidence, members, widths, 40, keep=True).channels == ("81", "noise", "counts")


def test_a_channel_that_only_orders_what_is_found_stays() -> None:
    evidence = draw({"81": 4.0, "counts of the ads": 1.0, FORECAST: 0.5})
    members = {"81": ("81",), "counts": ("counts of the ads",)}
    length = 390  # of 400: recall misses nothing
    fusion = choose_channels(evidence, members, {"81": 8.0}, length, keep=False)
    assert fusion.channels == ("81", "counts")
    rows = {row["channel"]: row for row in fusion.rows}
    assert rows["counts"]["recall without it"] == rows["counts"]["recall with all"] == 1.0


def test_what_a_channel_weighs_does_not_depend_on_the_scale_of_its_scores() -> None:
    evidence = draw({"small": 0.5, "large": 0.0, FORECAST: 0.5})
    factors = np.float32([1e-3, 1e3, 1.0])
    scaled = ChannelScores(evidence.names, evidence.values * factors, evidence.possible, evidence.pool)
    members = {"small": ("small",), "large": ("large",)}
    fusion = choose_channels(scaled, members, {}, 40, keep=False)
    assert fusion.channels == ("small",)
    assert fusion.weights["small"] == pytest.approx(500, rel=0.2)


def test_before_anything_is_learned_all_count_alike() -> None:
    named = {name: find_channel(name) for name in name_channels(["counts", "content"], ["81", "82"])}
    even = weigh_evenly(named)
    assert even.channels == ("81", "82", "counts")
    assert {name for name, weight in even.weights.items() if not weight} == {"clicks lately"}
    assert even.weights[FORECAST] == 1.0
    assert even.widths == {"81": 12.0, "82": 12.0}
    assert name_channels(["linear"], ["81"]) == ("linear",)
